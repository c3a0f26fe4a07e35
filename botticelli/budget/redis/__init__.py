"""Implements the Budget on Redis or Valkey: each method is one script and one round trip.

The rules are in lua/. scripts.py puts the libraries (lib_*.lua) in front of a script, checked_connections.py detects a
server that has lost its data, and rebuild.py builds the request that restores it.
"""
