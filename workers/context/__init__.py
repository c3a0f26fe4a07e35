"""Holds what the acts of an iteration work with: the claim, the narrative, earlier outputs, media and rows.

claims takes iterations, holds them and hands them back; iteration_context has the transaction that checks the lease
before anything is written.
"""
