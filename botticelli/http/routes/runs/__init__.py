"""Answers requests about runs: enqueue, list, show, control, export."""
