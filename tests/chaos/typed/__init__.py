"""Typed answers: repairs around which a worker is killed, and many answers of a small real model."""
