"""Stores notices: the outbox of events, their deliveries, and the state of each target.

Notices of runs and effects are written by triggers (queries/notice_triggers.sql).
"""
