"""Proves from what was spent that no window passed its limit, by counting every interval anew.

Reads no ledger; whoever has one brings its rows.
"""
