"""Measures what finished iterations in the tables cost: the same operations with few and with many of them."""
