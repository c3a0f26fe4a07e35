"""What the workers of a fleet agree on: who has which duty now, and whether each queue is consumed."""
