"""The commands about webhooks that are received."""
