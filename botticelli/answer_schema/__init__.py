"""JSON Schemas of typed answers: reads and bounds them, checks values, adapts them to providers, makes examples.

Knows no narrative and no provider's SDK. A schema that `read_schema` returns has no references left.
"""
