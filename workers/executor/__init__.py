"""Performs one iteration: claims it, runs its acts in order or side by side, and writes its end.

iteration -> claims -> act_sequence -> act -> completion
"""
