"""Provides servers, messages and API descriptions that tests use in place of real ones."""
