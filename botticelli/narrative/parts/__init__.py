"""Reads the parts of a narrative: the inputs of acts (text, media, tables, commands), table updates and policies.

Each reader turns one checked TOML table into a part of the model, and reports what is wrong with it.
"""
