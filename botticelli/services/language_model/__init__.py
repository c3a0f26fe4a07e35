"""The embedded language model: its weights, its server, and how to ask it. Holds no process."""
