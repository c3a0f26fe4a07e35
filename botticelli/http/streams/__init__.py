"""Streams the events of runs: one thread reads them for all, and each stream has a bounded queue."""
