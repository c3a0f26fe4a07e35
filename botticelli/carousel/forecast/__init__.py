"""Says what a run would take before it is paid for: tokens, money, time, effects.

Plays it against a Budget in memory, on a clock that needs no time.
"""
