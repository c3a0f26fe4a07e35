"""Reads the parts of a narrative: inputs, media, table queries and updates, policies."""
