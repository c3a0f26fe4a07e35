"""Admits iterations: asks the Budget for tickets, stores what was granted, publishes it.

What is next for a run is one pure function (state_machine.py).
"""
