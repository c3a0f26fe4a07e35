"""Builds the series of Prometheus from totals and figures, with a bounded number of label values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from botticelli.monitoring.metrics.metric_catalogue import CATALOGUE, MetricSpec
from botticelli.store import Total

MOST_NAMES = 200
"""How many values a label may have whose values users choose; further ones are counted as OTHER."""
OTHER = "other"
CAPPED = ("narrative", "model", "scope", "webhook")
Labels = tuple[str, ...]
Figures = Mapping[str, Mapping[Labels, float]]
"""Values by metric, then by label values."""


class NameCap:
    """Maps label values to themselves, the first MOST_NAMES of each label, and others to OTHER.

    The values come in the order in which they were first counted, so that a series never changes its meaning.
    """

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._names: defaultdict[str, set[str]] = defaultdict(set)

    def apply(self, spec: MetricSpec, labels: Labels) -> Labels:
        return tuple(
            self._shown(name, value) if name in CAPPED else value
            for name, value in zip(spec.labels, labels, strict=True)
        )

    def _shown(self, label: str, value: str) -> str:
        names = self._names[label]
        if value in names:
            return value
        if len(names) >= self._most:
            return OTHER
        names.add(value)
        return value


def counted(totals: Sequence[Total], cap: NameCap) -> Iterator[Metric]:
    """Yield the counters and histograms. A total of an unknown name, of another version, is left out."""
    by_metric: defaultdict[str, list[Total]] = defaultdict(list)
    for total in totals:
        by_metric[total.metric].append(total)
    for spec in CATALOGUE.values():
        if spec.kind == "counter":
            yield _counter(spec, by_metric[spec.name], cap)
        elif spec.kind == "histogram":
            yield _histogram(spec, by_metric[spec.name], cap)


def _counter(spec: MetricSpec, totals: Iterable[Total], cap: NameCap) -> Metric:
    values: dict[Labels, float] = {labels: 0.0 for labels in spec.always}
    for total in totals:
        labels = cap.apply(spec, total.labels)
        values[labels] = values.get(labels, 0.0) + float(total.value)
    family = CounterMetricFamily(spec.name, spec.about, labels=spec.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(spec: MetricSpec, totals: Iterable[Total], cap: NameCap) -> Metric:
    counts: dict[Labels, list[float]] = {labels: [0.0] * (len(spec.buckets) + 1) for labels in spec.always}
    sums: defaultdict[Labels, float] = defaultdict(float)
    for total in totals:
        labels = cap.apply(spec, total.labels)
        if total.bucket is None:
            sums[labels] += float(total.value)
        else:
            counts.setdefault(labels, [0.0] * (len(spec.buckets) + 1))[total.bucket] += float(total.value)
    family = HistogramMetricFamily(spec.name, spec.about, labels=spec.labels)
    for labels, buckets in counts.items():
        family.add_metric(labels, _cumulative(spec, buckets), sums[labels])
    return family


def _cumulative(spec: MetricSpec, counts: Sequence[float]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in spec.buckets), "+Inf"]
    return [(bound, sum(counts[: number + 1])) for number, bound in enumerate(bounds)]


def gauged(figures: Figures, cap: NameCap) -> Iterator[Metric]:
    """Yield the gauges. Figures beyond the cap of a label are left out: those of several things can't be added up."""
    for spec in CATALOGUE.values():
        if spec.kind == "gauge" and spec.name in figures:
            family = GaugeMetricFamily(spec.name, spec.about, labels=spec.labels)
            for labels, value in {**dict.fromkeys(spec.always, 0.0), **figures[spec.name]}.items():
                if cap.apply(spec, labels) == labels:
                    family.add_metric(labels, value)
            yield family
