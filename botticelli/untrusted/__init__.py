"""Reads untrusted input within limits: response bodies, retry times, characters that a database can't store.

Imports nothing else of Botticelli.
"""
