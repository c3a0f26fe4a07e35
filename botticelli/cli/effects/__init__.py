"""`botticelli effects`: list the effects of bot commands, approve or reject waiting ones, resolve unclear ones.

An effect is one change that a bot command makes outside; see the effect ledger in botticelli/workers/effects.
"""
