"""Admits iterations: reserves tickets in the Budget, stores the granted ones, publishes their tasks.

state_machine.py decides what a run does next, as a pure function.
"""
