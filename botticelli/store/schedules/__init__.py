"""Stores schedules, and what each of their nominal times came to."""
