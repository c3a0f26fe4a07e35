"""Forecasts tokens, cost, duration and effects of a run before it is paid for.

Simulates the run with a Budget in memory and a simulated clock.
"""
