"""Implements the Budget in the memory of one process, with any clock: for plans and tests.

Repeats the rules of redis/lua/ in plain Python. One conformance suite checks that both give the same answers.
"""
