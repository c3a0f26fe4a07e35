"""Reads the rows of a data set, one at a time: csv, tsv and jsonl files, lists, and whatever can be iterated over.

Knows no narrative and no database. A source can be read several times, always from its first row on.
"""
