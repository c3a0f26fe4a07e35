"""Checks input from outside: requests to enqueue, commands with an effect, addresses to fetch from.

Fetches media, but performs no command.
"""
