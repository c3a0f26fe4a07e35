"""Combines writes of concurrent iterations: claims, draws, act rows and successes share statements.

A batch is started by one of the waiting threads, never by a thread of its own.
"""
