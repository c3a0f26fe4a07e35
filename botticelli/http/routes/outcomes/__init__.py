"""Answers requests about what runs bring: effects, content, state, rows of exports, events."""
