"""Exports the rows of a run with what came of them: columns, records in row order, and files that hold them."""
