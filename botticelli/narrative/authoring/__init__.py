"""Helps authors write narratives: the JSON Schema for editors and starter narratives.

Also converts existing files to the table form, and from the founding form to the present one.
"""
