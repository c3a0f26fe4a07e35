"""Decides which limits apply to models, custom budgets and platforms."""
