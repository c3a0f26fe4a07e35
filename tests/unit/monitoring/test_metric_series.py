"""The form of metrics: a bounded number of series, histograms that add up, and a horizon that waits for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric

from botticelli.monitoring.metrics.metric_catalogue import CATALOGUE
from botticelli.monitoring.metrics.series import NameCap, counted
from botticelli.store import Horizon, Total
from botticelli.store.metrics.horizon import Sample

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def families(*totals: Total, most: int = 200) -> dict[str, Metric]:
    return {family.name: family for family in counted(totals, NameCap(most))}


def test_names_beyond_the_cap_are_counted_as_other() -> None:
    totals = [Total("botticelli_iterations", (f"n{number}", "succeeded"), None, Decimal(2)) for number in range(5)]
    samples = families(*totals, most=3)["botticelli_iterations"].samples
    assert {sample.labels["narrative"]: sample.value for sample in samples} == {"n0": 2, "n1": 2, "n2": 2, "other": 4}


def test_histogram_buckets_are_cumulative_and_end_with_the_count() -> None:
    name = "botticelli_run_duration_seconds"
    totals = [Total(name, (), 0, Decimal(2)), Total(name, (), 3, Decimal(1)), Total(name, (), 10, Decimal(4))]
    samples = families(*totals, Total(name, (), None, Decimal("12.5")))[name].samples
    buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
    assert buckets == [2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 7]
    assert {sample.name: sample.value for sample in samples if "le" not in sample.labels} == {
        f"{name}_count": 7,
        f"{name}_sum": 12.5,
    }


def test_total_of_an_unknown_version_is_left_out() -> None:
    assert "botticelli_future" not in families(Total("botticelli_future", ("x",), None, Decimal(1)))


def test_names_have_base_units_and_counters_end_in_total() -> None:
    for spec in CATALOGUE.values():
        assert not spec.name.endswith(("_ms", "_minutes", "_total", "_count", "_sum", "_microusd")), spec.name
        assert spec.about.endswith(".") and spec.name.startswith("botticelli_")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(type("Empty", (), {"collect": lambda self: counted([], NameCap())})())
    assert b"# TYPE botticelli_cost_unknown_calls_total counter" in generate_latest(registry)


def test_horizon_passes_when_all_transactions_of_a_moment_have_ended() -> None:
    horizon = Horizon(margin_seconds=1.0)
    assert horizon.advance(Sample(NOON, oldest=7, next=9)) is None
    assert horizon.advance(Sample(NOON + timedelta(seconds=5), oldest=8, next=20)) is None
    assert horizon.advance(Sample(NOON + timedelta(seconds=10), oldest=9, next=30)) == NOON - timedelta(seconds=1)
    assert horizon.advance(Sample(NOON + timedelta(seconds=15), oldest=29, next=40)) == NOON - timedelta(seconds=1)
    later = horizon.advance(Sample(NOON + timedelta(seconds=20), oldest=30, next=50))
    assert later == NOON + timedelta(seconds=9)


def test_horizon_of_a_restored_database_starts_anew() -> None:
    horizon = Horizon(margin_seconds=0.0)
    assert horizon.advance(Sample(NOON, oldest=5_000, next=9_000)) is None
    restored = NOON + timedelta(seconds=5)
    assert horizon.advance(Sample(restored, oldest=10, next=12)) is None
    assert horizon.advance(Sample(restored + timedelta(seconds=5), oldest=12, next=20)) == restored
