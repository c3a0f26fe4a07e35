"""Reads the structure of a file: its narratives, the acts in either way of writing them, and their order.

`founding_form` and `founding_acts` translate files of the founding system into the present form first.
"""
