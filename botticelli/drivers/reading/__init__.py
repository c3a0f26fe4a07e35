"""Reads what providers answer, whatever its shape: whole or streamed, an answer or an error. Sends and raises nothing.

Each module reads one thing: `error_bodies`, `usage`, `parts`, `thinking`, `finish`, `json_events`; `wires` joins them.
"""
