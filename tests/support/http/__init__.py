"""Serves the HTTP door in tests, and sends it webhooks."""
