"""Moves iterations on, from claim to count: each step is as few trips to Postgres as it can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from sqlalchemy import Connection

from botticelli.store.runs.acts import ActRow
from botticelli.store.runs.iterations import Claim, ClaimKey, Open, RunIntent
from botticelli.store.runs.runs import LOCK, Run
from botticelli.store.schema.statements import Prepared, Step, as_rows, columns_of, fetch, later, prepared, statement
from botticelli.store.usage.ledger import Entry, Settled

_RUN = tuple(Run.__slots__)
_RUN_COLUMNS = ", ".join("clock_timestamp()" if name == "now" else f"runs.{name}" for name in _RUN)


@cache
def prepared_with_run(name: str) -> Prepared:
    """Load `queries/{name}.sql`, where `runs.*` stands for the fields of `Run` in order."""
    return Prepared.of(name, statement(name).text.replace("runs.*", _RUN_COLUMNS))


class IterationSteps:
    """Writes the steps of iterations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(
        self, run_id: str, numbers: Sequence[int], *, worker: str, lease_seconds: float
    ) -> tuple[Run | None, dict[int, Claim]]:
        """Claim iterations of a run; return the run and the claims by number.

        An iteration can't be claimed when its message is late or a duplicate, or the run no longer needs it. The run is
        None when there is nothing to claim.
        """
        values = {"run_id": run_id, "numbers": list(numbers), "worker": worker, "lease_seconds": lease_seconds}
        rows = fetch(self._connection, prepared_with_run("claim"), values)
        claims = [Claim(run_id, *row[len(_RUN) :]) for row in rows]
        return Run(*rows[0][: len(_RUN)]) if rows else None, {claim.number: claim for claim in claims}

    def claim_one(self, run_id: str, number: int, *, worker: str, lease_seconds: float) -> Claim | None:
        """Claim one iteration as `claim` does; None when it can't be claimed."""
        return self.claim(run_id, [number], worker=worker, lease_seconds=lease_seconds)[1].get(number)

    def draw(
        self, claims: Sequence[Claim], entries: Sequence[Entry], *, lease_seconds: float
    ) -> dict[ClaimKey, RunIntent]:
        """Write the ledger rows of requests that are about to be sent, one for each claim, and renew the leases.

        Returns the intended state of the run of each claim, without claims that are stale. Only claims that are held and
        whose run allows the next step get their rows.
        """
        rows = [
            {**columns_of(entry), "fencing_token": claim.fencing_token}
            for claim, entry in zip(claims, entries, strict=True)
        ]
        values = {**_keys(claims), "lease_seconds": lease_seconds, "rows": as_rows(rows)}
        held = fetch(self._connection, prepared("enter_held_draws"), values)
        return {(run_id, number, fencing_token): RunIntent(*intent) for run_id, number, fencing_token, *intent in held}

    def record(
        self, acts: Sequence[tuple[Claim, ActRow, Settled | None]], *, lease_seconds: float
    ) -> frozenset[ClaimKey]:
        """Write act rows with the outcomes of their requests, and renew the leases.

        Returns the claims that are still held: only their rows are written.
        """
        settled = [
            {**outcome.as_row(), "run_id": claim.run_id, "number": claim.number, "fencing_token": claim.fencing_token}
            for claim, _, outcome in acts
            if outcome is not None
        ]
        values = {**_keys([claim for claim, _, _ in acts]), "lease_seconds": lease_seconds, "settled": as_rows(settled)}
        values["rows"] = as_rows(columns_of(row) for _, row, _ in acts)
        return frozenset(fetch(self._connection, prepared("record_held_acts"), values))

    def succeed(self, run_id: str, claims: Sequence[Claim]) -> tuple[Run, Open, frozenset[ClaimKey]]:
        """Lock the run and end the claims that are still held, of which it returns the keys.

        Also returns the run with these successes, and its iterations that are still open. The caller counts them in the row.
        """
        values = {"run_id": run_id, **_keys(claims)}
        rows = fetch(self._connection, prepared_with_run("succeed"), values, after=[(LOCK, {"run_id": run_id})])
        if not rows:
            raise claims[0].stale()
        *fields, in_flight, waiting_number, waiting_attempt, parked, ended = rows[0]
        run, keys = Run(*fields), frozenset((run_id, number, token) for number, token in ended or ())
        opened = Open(in_flight - len(keys), waiting_number, waiting_attempt, parked)
        return replace(run, succeeded=run.succeeded + len(keys)), opened, keys

    def record_last(
        self, run_id: str, numbers: Sequence[int], acts: Sequence[ActRow], settled: Sequence[Settled]
    ) -> None:
        """Write acts of iterations that end in this transaction, with the outcomes of their requests."""
        rows = as_rows(map(columns_of, acts))
        outcomes = as_rows(outcome.as_row() for outcome in settled)
        values = {"run_id": run_id, "numbers": list(numbers), "rows": rows, "settled": outcomes}
        if acts:
            later(self._connection, prepared("record_last_acts"), values)

    def count(self, run_id: str, numbers: Iterable[int], *, succeeded: int = 0, failed: int = 0) -> tuple[Run, Open]:
        """Add ended iterations to the counters of a locked run; return it, and its iterations that are still open.

        `succeeded` and `failed` are how many of `numbers` ended so; the others were cancelled.
        """
        [row] = fetch(self._connection, *_counting(run_id, numbers, succeeded, failed))
        return Run(*row[: len(_RUN)]), Open(*row[len(_RUN) :])

    def count_successes(self, run_id: str, numbers: Sequence[int]) -> None:
        """Add successes to the counters of a locked run, for a caller that knows what it and its iterations are then."""
        later(self._connection, *_counting(run_id, numbers, len(numbers), 0))


def _counting(run_id: str, numbers: Iterable[int], succeeded: int, failed: int) -> Step:
    values = {"run_id": run_id, "numbers": list(numbers), "succeeded": succeeded, "failed": failed}
    return prepared_with_run("count_iterations"), values


def _keys(claims: Sequence[Claim]) -> Mapping[str, list[str] | list[int]]:
    return {
        "run_ids": [claim.run_id for claim in claims],
        "numbers": [claim.number for claim in claims],
        "fencing_tokens": [claim.fencing_token for claim in claims],
    }
