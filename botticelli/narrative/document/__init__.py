"""Reads the structure of a file: its narratives, the acts in either way of writing them, and their order.

Files of the founding system (the original system) are first translated into the present form.
"""
