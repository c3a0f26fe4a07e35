"""TOML as text: tokens, and where each key stands. `tomllib` reads the values; this knows lines and columns."""
