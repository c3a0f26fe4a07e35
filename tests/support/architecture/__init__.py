"""Reads what docs/architecture.md says, and holds it against the code."""
