"""Turns the errors of a provider or its SDK into ours, and decides whether and when to retry."""
