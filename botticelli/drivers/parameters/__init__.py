"""Knows by model class which parameters models accept. Data, read from models.toml; sends nothing."""
