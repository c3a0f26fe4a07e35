"""Observes runs from outside: events as they happen, why a run does not progress, the outputs of its acts.

Changes nothing.
"""
