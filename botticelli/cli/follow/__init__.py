"""The view of a run that is followed: plain lines, JSON, or a panel with the gauges of its budgets, and its summary."""
