"""Compares what a fleet has recorded with what the provider says of itself: a line for each difference."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from botticelli.client import Client
from tests.chaos.storm.provider import ACT_NAMES, Event, Place, Storm, StormRun
from tests.support.fleet.processes import Process

OUTCOMES = {"kept": "settled", "failed": "settled", "unknown": "unknown", "final": "refused"}
DEFECTS = ("internal error", "Traceback", "answer_not_kept", "answer_not_judged", "answer_part_unreadable", "a defect")
Row = Mapping[str, Any]


def differences(client: Client, record: Storm, runs: Mapping[str, StormRun], workers: Sequence[Process]) -> list[str]:
    """`runs` by their ids."""
    tags = {run_id: run.tag for run_id, run in runs.items()}
    with client._runtime.store.engine.connect() as connection:
        ledger, acts, iterations = (
            [dict(row) for row in connection.execute(text(f"select * from {table}")).mappings()]
            for table in ("ledger", "acts", "iterations")
        )
    rows = {
        "ledger": _by_place(ledger, tags, "act"),
        "acts": _by_place(acts, tags, "name"),
    }
    return [
        *(f"a request without a call: {path}" for path in record.strangers),
        *_ends(client, runs, record, iterations),
        *(line for place, events in _all(record, rows["ledger"]) for line in _ledger(place, events, rows["ledger"])),
        *(line for place, events in _all(record, rows["acts"]) for line in _answers(place, events, rows["acts"])),
        *_totals(client, runs, ledger),
        *_defects(acts, iterations, workers),
    ]


def _by_place(rows: Iterable[Row], tags: Mapping[str, str], act: str) -> dict[Place, list[Row]]:
    by_place = defaultdict(list)
    for row in rows:
        by_place[tags[row["run_id"]], row[act], row["number"]].append(row)
    return by_place


def _all(record: Storm, rows: Mapping[Place, list[Row]]) -> Iterator[tuple[Place, list[Event]]]:
    for place in sorted({*record.events, *rows}):
        yield place, record.events.get(place, [])


def _ends(client: Client, runs: Mapping[str, StormRun], record: Storm, iterations: Sequence[Row]) -> Iterator[str]:
    """Each run performs all its iterations; those fail that have to, and no other."""
    ends = {(runs[row["run_id"]].tag, row["number"]): row for row in iterations}
    for run_id, run in runs.items():
        result = client.result(run_id)
        if result.status != "completed" or result.iterations_attempted != run.iterations:
            yield f"{run.tag} is {result.status} after {result.iterations_attempted}: {client.diagnose(run_id).summary}"
            continue
        for number in range(1, run.iterations + 1):
            outcomes = [event.outcome for act in ACT_NAMES for event in record.events.get((run.tag, act, number), ())]
            right = "failed" if {"failed", "final"} & set(outcomes) else "succeeded"
            row = ends.get((run.tag, number))
            if row is None or row["status"] != right:
                yield f"iteration {run.tag} {number} should have {right}: {row and (row['status'], row['error'])}"


def _ledger(place: Place, events: Sequence[Event], rows: Mapping[Place, list[Row]]) -> Iterator[str]:
    """One row for each request, with the provider's own count where it said one that can be true."""
    said = Counter((_ledger_outcome(event), event.usage) for event in events if event.usage is not None)
    unsaid = Counter(_ledger_outcome(event) for event in events if event.usage is None)
    for row in rows.get(place, ()):
        usage = (row["input_tokens"], row["output_tokens"])
        if said[row["outcome"], usage]:
            said[row["outcome"], usage] -= 1
        elif unsaid[row["outcome"]] and (row["outcome"] == "unknown" or (row["usage_doubtful"] and min(usage) > 0)):
            unsaid[row["outcome"]] -= 1
        else:
            yield f"ledger {place}: {row['outcome']} {usage} {row['draw_id']}, of {[event.kind for event in events]}"
    for left in (+said, +unsaid):
        for missing, count in left.items():
            yield f"ledger {place}: {count} x {missing} is missing, of {[event.kind for event in events]}"


def _ledger_outcome(event: Event) -> str:
    if event.outcome == "retried":
        return "refused" if event.usage == (0, 0) else "settled"
    return OUTCOMES[event.outcome]


def _answers(place: Place, events: Sequence[Event], rows: Mapping[Place, list[Row]]) -> Iterator[str]:
    """Each answer that was paid and whole is in the row of its act, good or failed; there is one row at the most."""
    status = {"kept": "done", "failed": "failed", "final": "failed"}
    last = [event for event in events if event.outcome in status]
    here = rows.get(place, [])
    if len(last) > 1 or (last and last[0] is not events[-1]):
        yield f"acts {place}: asked again after an answer: {[event.kind for event in events]}"
    if len(here) != len(last):
        yield f"acts {place}: {len(here)} rows for {[event.kind for event in events]}"
    for event, row in zip(last, here, strict=False):
        if row["status"] != status[event.outcome] or (event.texts and row["output"] not in event.texts):
            yield f"acts {place}: {event.kind} {event.texts} became {row['status']} {row['output']!r}: {row['error']}"
        if event.usage and event.texts and event.usage != (row["input_tokens"], row["output_tokens"]):
            yield f"acts {place}: {event.kind} {event.usage} became {row['input_tokens']}, {row['output_tokens']}"


def _totals(client: Client, runs: Mapping[str, StormRun], ledger: Sequence[Row]) -> Iterator[str]:
    """A run's result says what its rows of the ledger say."""
    for run_id, run in runs.items():
        mine = [row for row in ledger if row["run_id"] == run_id]
        result = client.result(run_id)
        for name in ("input_tokens", "output_tokens"):
            total = sum(row[name] or 0 for row in mine)
            if total != getattr(result, name):
                yield f"{run.tag}: {name} of its result {getattr(result, name)}, of the ledger {total}"
    yield from (f"drawn and never settled: {row['draw_id']}" for row in ledger if row["outcome"] == "drawn")


def _defects(acts: Sequence[Row], iterations: Sequence[Row], workers: Sequence[Process]) -> Iterator[str]:
    for row in (*acts, *iterations):
        if any(word in str(row["error"]) for word in DEFECTS):
            yield f"{row['run_id']} {row['number']}: {row['error']}"
    for worker in workers:
        for line in worker.text().splitlines():
            if any(word in line for word in DEFECTS):
                yield f"{worker.log.name}: {line}"
