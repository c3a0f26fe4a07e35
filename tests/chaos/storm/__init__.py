"""A provider whose answers are odd by chance, and the judge of what a fleet makes of them."""
