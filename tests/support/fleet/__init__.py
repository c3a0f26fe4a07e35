"""Runs real processes: command lines, workers, their clocks and ports, and a gate that holds their calls."""
