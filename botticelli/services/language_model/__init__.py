"""Provides the embedded language model: its weights, its server, and its health check. Holds no process."""
