"""Stores what metrics count: totals that outlive rows and only grow, and what is open now."""
