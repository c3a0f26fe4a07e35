"""Judges the text of an answer without a model: checks, patterns, languages. Pure functions.

Imports nothing else of Botticelli.
"""
