"""Reads requests and writes answers: limits, strictness, errors as problem+json."""
