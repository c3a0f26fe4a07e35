"""Reports what this process does: log lines, live events of runs, and failpoints for tests.

It is the lowest layer, because it masks secrets in all texts, those of the errors included.
"""
