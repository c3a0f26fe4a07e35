"""Contains the cases of the Budget's conformance suite, one module for each topic.

Besides, a clock that tests move by hand, and a naive model of a Budget to compare with.
"""
