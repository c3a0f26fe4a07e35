"""Talks to Discord's HTTP API: routes of commands, requests, answers, and the rate limits that a bot's processes share."""
