"""`botticelli budget`: show, explain and audit spending, and lower limits or pause scopes.

budget_scopes.py says which scopes exist; the other modules are one command each.
"""
