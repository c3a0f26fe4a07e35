"""Judges what a model answered: usable or not, JSON taken out of it, rows of content made of it. Writes no row."""
