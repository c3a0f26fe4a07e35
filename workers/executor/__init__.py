"""Performs one iteration: claims it, runs its acts in order or in parallel, and records its end.

iteration -> claims -> act_sequence -> act -> completion
"""
