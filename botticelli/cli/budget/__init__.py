"""`botticelli budget`: show, explain and audit spending, and lower limits or pause scopes.

Which scopes exist says monitoring/budget_scopes.py; the other modules are one command each.
"""
