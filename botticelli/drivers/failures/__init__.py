"""Turns what a provider or its SDK refuses into our errors, and says whether and when to try again."""
