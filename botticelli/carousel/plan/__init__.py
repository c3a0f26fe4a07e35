"""Plans the calls of one iteration and estimates their tokens from the narrative, its past and its tables.

Estimates are stored with the run, so that every process makes the same plan.
"""
