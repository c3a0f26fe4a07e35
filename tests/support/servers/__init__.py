"""Servers, messages and descriptions of servers that tests put in the place of real ones."""
