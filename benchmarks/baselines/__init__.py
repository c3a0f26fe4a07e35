"""Defines the baselines: Celery apps that do the same work without Botticelli.

Workers of the benchmarks import them by name.
"""
