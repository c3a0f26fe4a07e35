"""Holds what the command line has for the rows of runs: options that name them, their copying, their listing.

The commands are verbs of `botticelli runs`.
"""
