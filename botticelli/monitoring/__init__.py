"""Looks at runs from outside: their events as they happen, why one stands still, what its acts have written.

Changes nothing.
"""
