"""Defines the tables of metrics: totals that only grow, how far rows were counted, and the waits for budgets.

Waits are inserted by a trigger on `runs` (queries/metric_triggers.sql). Totals outlive the rows that they count.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Float, Identity, Index, Integer, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from botticelli.store.schema.tables import metadata

metric_totals = Table(
    "metric_totals",
    metadata,
    Column("metric", Text, primary_key=True),
    Column("labels", ARRAY(Text), primary_key=True),
    Column("bucket", Integer, primary_key=True),
    Column("value", Numeric, nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)
"""`bucket` is -1 for a counter and for the sum of a histogram, else the number of the histogram's bucket from 0."""

metric_marks = Table(
    "metric_marks",
    metadata,
    Column("source", Text, primary_key=True),
    Column("counted_until", DateTime(timezone=True), nullable=False),
)

budget_waits = Table(
    "budget_waits",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("scope", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("waited_seconds", Float),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Index("ix_budget_waits_at", "at"),
)
"""Refusals that made a run wait, and the ends of such waits: `waited_seconds` is null for a refusal."""
