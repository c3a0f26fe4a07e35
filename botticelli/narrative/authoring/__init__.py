"""Helps authors write narratives: the JSON Schema for editors and starter narratives.

Also converts existing files to the table form, and files of the founding system to the present form.
"""
