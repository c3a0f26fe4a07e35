"""Writes of many threads, put together: claims, draws, act rows and successes that arrive at once go in one statement."""
