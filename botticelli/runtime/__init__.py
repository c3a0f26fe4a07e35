"""Assembles the parts of a process: settings, Postgres, Redis, the budget, drivers, platforms and the Celery app.

Checks that they are usable, says which limits hold, and records which workers are alive. Decides nothing about a run.
"""
