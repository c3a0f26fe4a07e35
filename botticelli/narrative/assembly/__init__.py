"""Loads a file: drafts of its narratives, put into one another, checked, in the order in which their acts may run.

load.py is the one way in, for files and for text that came over the wire.
"""
