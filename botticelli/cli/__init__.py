"""Implements the command line `botticelli`: parses arguments, calls the engine and prints results.

Each folder holds related commands; `base/` holds what they share. main.py maps every command to its module and imports
it on first use.
"""
