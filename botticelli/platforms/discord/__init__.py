"""Performs commands on Discord through its HTTP API: a catalogue, a thin client, and commands of several requests."""
