"""Reads the summary of a run: its options, the totals of its ledger, the actions on it. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botticelli.store import Run, RunAction, Store


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run with its `options`, the totals of its `ledger`, answers by service tier, and the actions on it.

    `for_review` counts the answers that no gate accepted and that wait for a person.
    """

    run: Run
    options: Mapping[str, Any]
    ledger: Mapping[str, int]
    services: Mapping[str, int]
    for_review: int
    actions: Sequence[RunAction]


def run_summary(store: Store, run_id: str) -> RunSummary:
    """Read the summary of a run by its full id. NotFound."""
    with store.transaction() as tx:
        run = tx.runs.get(run_id)
        return RunSummary(
            run,
            run_options(tx.runs.snapshot(run.id).narrative),
            {name: int(total) for name, total in tx.ledger.totals(run_id).items()},
            tx.ledger.services(run_id),
            tx.acts.for_review(run_id),
            tx.run_actions.of_run(run_id),
        )


def run_options(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options from a run's snapshot by name; empty values for a rejected request."""
    run_options, carousel = snapshot.get("run_options") or {}, snapshot.get("carousel") or {}
    multipliers = {**(snapshot.get("budget") or {}), **(carousel.get("budget") or {})}
    return {
        "tiers": run_options.get("tiers", {}),
        "tenant": run_options.get("tenant"),
        "model": run_options.get("model"),
        "service_tier": run_options.get("service_tier") or snapshot.get("service_tier"),
        "multipliers": multipliers,
    }
