"""Spends from budgets: draws one provider request in several scopes, all or none, and counts its exact cost.

Writes no row.
"""
