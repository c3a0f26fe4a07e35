"""A cluster of real processes, the world around it, what can be done to it, and the promises that must hold."""
