"""Stores what the workers of a fleet agree on.

Elections decide which worker performs a duty in an interval; probes show whether each queue is consumed.
"""
