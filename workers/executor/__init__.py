"""Performs one iteration: runs its acts in order or in parallel, records them and its end.

iteration -> act_sequence -> act -> attempts -> recording
"""
