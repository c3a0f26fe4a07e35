"""Metrics of the dashboard and the alerts are exported, with their labels; each alert has its section in the documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from botticelli.monitoring.metrics.metric_catalogue import CATALOGUE

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
ALERTS = (DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
CHART_VALUES = (DEPLOY / "helm" / "botticelli" / "values.yaml").read_text(encoding="utf-8")
NAMES = {name: spec for spec in CATALOGUE.values() for name in spec.exported}
OWN_LABELS = {"instance", "le"}


def panels() -> Iterator[str]:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "botticelli.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


EXPRESSIONS = [*panels(), *re.findall(r"expr: >-\n +(.*)\n", ALERTS), *re.findall(r"query: (max\(.*)", CHART_VALUES)]


def test_there_are_panels_eight_alerts_and_a_scaler() -> None:
    assert len(list(panels())) > 20
    assert len(re.findall(r"- alert: ", ALERTS)) == 8
    assert len(EXPRESSIONS) == len(list(panels())) + 9


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_names_only_exported_metrics_and_their_labels(expression: str) -> None:
    names = re.findall(r"botticelli_\w+", expression)
    assert names
    assert set(names) <= NAMES.keys()
    labels = {label for name in names for label in NAMES[name].labels} | OWN_LABELS
    selected = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression)
    grouped = [word for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for word in group.split(", ")]
    assert {*selected, *grouped} <= labels


def test_each_alert_has_its_section_in_the_documents() -> None:
    page = (ROOT / "docs" / "howto" / "production.md").read_text(encoding="utf-8")
    sections = {re.sub(r"[^a-z0-9-]", "", line.lower()) for line in re.findall(r"^### (.*)$", page, re.MULTILINE)}
    anchors = re.findall(r"runbook_url: docs/howto/production\.md#(\w+)", ALERTS)
    assert len(anchors) == 8
    assert set(anchors) <= sections


def test_every_metric_is_in_the_documents() -> None:
    page = (ROOT / "docs" / "howto" / "metrics.md").read_text(encoding="utf-8")
    for spec in CATALOGUE.values():
        name = f"{spec.name}_total" if spec.kind == "counter" else spec.name
        labels = ", ".join(f"`{label}`" for label in spec.labels) or "none"
        assert f"| `{name}` | {labels} | {spec.about} |" in page
