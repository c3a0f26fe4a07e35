"""Performs commands that take several requests, and finds effects whose outcome is unknown."""
