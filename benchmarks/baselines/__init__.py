"""Celery apps without Botticelli that do the same work: the baselines."""
