"""What the acts of one iteration work with: the claim, the narrative, earlier outputs, media and rows.

iteration_context.py has the transaction in which the lease is checked before anything is written.
"""
