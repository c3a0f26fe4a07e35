"""Shared by all commands: common options, the settings and runtime of one invocation, errors, signals and printing.

Knows no command; the other folders of `cli` import from here.
"""
