"""Answers requests about the installation: narratives, prices, notices, workers, tokens, the database."""
