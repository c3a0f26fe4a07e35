"""The commands of the HTTP door: `serve` and `tokens`."""
