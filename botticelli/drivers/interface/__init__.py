"""Defines a driver: the protocol, its optional capabilities, its options, and the token estimates of a request.

Knows no provider.
"""
