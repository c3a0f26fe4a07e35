"""Follows a run until it ends or pauses, shows it as plain lines, JSON or a panel, and starts a worker where none is alive.

session.py connects the parts: follower.py polls the run, the views print it, worker_supervisor.py keeps a worker.
"""
