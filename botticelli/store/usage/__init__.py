"""Records what was spent, and which limits are lowered.

The ledger has a row for each provider request; usage history reads it. Overrides are temporary limits that people set,
learned limits those that providers' answers named.
"""
