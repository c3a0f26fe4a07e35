"""Runs inside a worker: messages become performed iterations, and interrupted ones are recovered.

handlers.py is the entry point, called by the tasks.
"""
