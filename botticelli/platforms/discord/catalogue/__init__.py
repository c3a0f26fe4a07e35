"""Describes Discord's commands as data (catalogue.toml), and makes the reference page from them."""
