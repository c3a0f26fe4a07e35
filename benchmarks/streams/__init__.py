"""Measures the memory and the delay that open streams of events cost a server."""
