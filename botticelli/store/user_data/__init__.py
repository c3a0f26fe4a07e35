"""Stores what narratives remember and generate.

State has durable keys; content tables receive generated rows; user tables are tables that narratives may read or change.
"""
