"""Defines the narrative language as data: the keys of every table and the rules for their values.

Also lists the media formats that narratives may carry.
"""
