"""Runs and what belongs to them: iterations, acts, effects, media, and who paused or resumed them."""
