"""Defines the commands about notices."""
