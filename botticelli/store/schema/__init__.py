"""Defines the tables, loads and prepares the statements of queries/, and turns Postgres's errors into one line.

Every repository builds on this folder.
"""
