"""What several test folders need: waiting for a condition, real processes, narratives in short form."""
