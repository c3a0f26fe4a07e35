"""Manages the services' files: where each one is, who holds which lock, and whether the disk has room."""
