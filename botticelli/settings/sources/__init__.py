"""Reads and merges the sources of settings: a file, the environment, flags, and files of the founding system."""
