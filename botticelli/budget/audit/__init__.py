"""Recounts spending in every interval of every window, and reports limits that were exceeded.

Works on values: the caller reads the ledger.
"""
