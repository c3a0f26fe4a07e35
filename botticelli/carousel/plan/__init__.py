"""Plans the calls of one iteration and estimates their tokens from the narrative, its past and its tables.

Kept with the run, so that everybody who plans it plans the same.
"""
