"""Defines the tables, loads the statements of queries/, and turns Postgres's errors into one line.

Every repository builds on this folder.
"""
