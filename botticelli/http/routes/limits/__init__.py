"""Answers requests about what is allowed when: budgets, prices, schedules."""
