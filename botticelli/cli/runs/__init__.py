"""`botticelli run`, `runs` and `plan`: start, forecast, list, show, follow and control runs.

narrative_lookup.py finds the narrative that a command names.
"""
