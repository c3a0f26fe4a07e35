"""Reads what others send, within limits: bodies, times to wait, values that a database can't store.

Imports nothing else of Botticelli.
"""
