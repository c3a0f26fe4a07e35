"""Puts one process together: settings, Postgres, Redis, Budget, drivers, platforms, and the Celery app.

Checks that they are fit for work, and records which workers are alive. Decides nothing about a run.
"""
