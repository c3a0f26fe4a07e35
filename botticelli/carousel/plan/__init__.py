"""What one iteration will call, and what each call is taken to cost: from the narrative, its past and its tables.

Kept with the run, so that everybody who plans it plans the same.
"""
