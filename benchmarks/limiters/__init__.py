"""Adapts other limiters to one small interface, for comparison.

Their packages are optional.
"""
