"""Measures speed as ratios to a named baseline of the same run.

`make bench` runs all benchmarks. They aren't part of the installed package.
"""
