"""Encodes and decodes the messages of the fake servers.

Bodies, streams and errors of providers, and the forms that are sent to Discord.
"""
