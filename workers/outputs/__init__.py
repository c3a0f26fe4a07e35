"""Checks model answers: whether they are usable, which JSON they hold, and which content rows that makes."""
