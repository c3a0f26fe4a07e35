"""Stores who may use the HTTP door, and what it has answered."""
