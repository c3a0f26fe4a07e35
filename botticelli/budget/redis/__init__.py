"""The Budget on Redis or Valkey: each method is one script and one round trip.

The rules are in lua/: scripts.py puts the libraries (lib_*.lua) in front of a script, checked_connections.py finds out
whether the server has lost its memory, and rebuild.py says what it is told then.
"""
