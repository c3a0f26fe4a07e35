"""Follows a run until it rests: a view of it (plain lines, JSON, a panel), and a worker where none is alive.

session.py goes from a run to an exit code.
"""
