"""Spends from budgets: one provider request drawn in several scopes, all or none, and its exact cost.

Writes no row.
"""
