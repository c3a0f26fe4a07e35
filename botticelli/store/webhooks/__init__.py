"""Stores the deliveries of webhooks that were received."""
