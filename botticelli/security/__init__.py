"""Judges what others ask for: requests to enqueue, commands with an effect, addresses to fetch from.

Judges and fetches; performs no command.
"""
