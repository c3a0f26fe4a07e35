"""Helps authors: the schema for editors, narratives to begin with, files rewritten in the present form."""
