"""Runs schedules: defines them, fires their times, and answers what fired and what will."""
