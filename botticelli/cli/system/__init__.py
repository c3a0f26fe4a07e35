"""`botticelli doctor`, `services`, `settings` and `completion`: check and maintain this installation.

Nothing here knows runs or narratives.
"""
