"""Holds what the acts of an iteration work with: the claim, the narrative, earlier outputs, media and rows.

iteration_context.py has the transaction that checks the lease before anything is written.
"""
