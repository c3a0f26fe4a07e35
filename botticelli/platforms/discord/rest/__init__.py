"""Talks to Discord's HTTP API: one request, its answer, and the rate limits that all processes of a bot share."""
