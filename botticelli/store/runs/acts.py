"""Stores acts, the checkpoints of an iteration, with their output and usage. A done act is never replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, func, select

from botticelli.statuses import ActStatus
from botticelli.store.schema.statements import as_rows, columns_of, fetch, prepared, statement
from botticelli.store.schema.tables import acts

REJECTED: Final = "rejected"
"""Status of an answer that the act's gate did not accept."""
REVIEW = "review"
"""Verdict on an answer that no gate accepted and that a person is to review."""
REDO = "redo"
"""Verdict on an answer that the gate of a later act did not accept."""
REDONE = "redone"
"""Verdict on what was performed between such an answer and that gate, and is performed again."""
REPAIRING: Final = "repairing"
"""Status of a typed answer that does not fit its schema, while its repair is not paid for yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """One turn of one act. `drawn_at` and `settled_at` are on the Budget's clock, others on Postgres's or the worker's."""

    run_id: str
    number: int
    position: int
    turn: int = 1
    attempt: int = 1
    """Counts the answers of this turn. All but the last one are `rejected`."""
    name: str
    status: ActStatus
    """`rejected`: an answer that the act's gate did not accept; `repairing`: a typed one that awaits its repair."""
    prompt: str | None = None
    history_text: str | None = None
    """Text that later acts see in place of the prompt (or of the output, if there is no prompt); None: no replacement."""
    output: str | None = None
    raw_output: str | None = None
    """The model's own text, where `output` is not: JSON taken out or repaired, or an answer after a repair call."""
    reasoning: str | None = None
    """The model's reasoning before its answer, where the provider shows it; no later act sees it."""
    warning: str | None = None
    error: str | None = None
    verdict: str | None = None
    """The outcome of an answer that was not accepted.

    `kept` or `review`: it is used, or a person decides. Of a rejected one: `redo` or `redone` when the gate of a later act
    rejected it, None when its own did.
    """
    model: str | None = None
    finish_reason: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""
    cache_write_tokens: int = 0
    """Part of `input_tokens`, like `cached_tokens`."""
    cache_write_long_tokens: int = 0
    """Part of `cache_write_tokens`: what the provider keeps for its longer life."""
    usage_doubtful: bool = False
    """True when the tokens of a try are estimated, because the provider's count was implausible."""
    cost_usd: Decimal | None = None
    tries: int = 0
    repairs: int = 0
    """Calls among `tries` that asked for a typed answer anew, because the one before did not fit its schema."""
    fencing_token: int
    started_at: datetime | None = None
    drawn_at: datetime | None = None
    settled_at: datetime | None = None
    finished_at: datetime | None = None
    """When Postgres recorded the act; set by `record`, never by the caller."""


class Acts:
    """Reads and writes acts within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, act: ActRow) -> bool:
        """Write one act; False, and nothing written, when it was recorded as done before."""
        return bool(self.record_all([act]))

    def record_all(self, rows: Sequence[ActRow]) -> set[tuple[str, int, int, int]]:
        """Write the acts that were not recorded before; return the run id, number, position and turn of each."""
        recorded = fetch(self._connection, prepared("record_acts"), {"rows": as_rows(map(columns_of, rows))})
        return {(run_id, number, position, turn) for run_id, number, position, turn in recorded}

    def reject(self, run_id: str, number: int, positions: range, reason: str) -> None:
        """Reject the answers at consecutive positions, of which the first is performed again for that reason."""
        places = {"run_id": run_id, "number": number, "first": positions[0], "last": positions[-1]}
        self._connection.execute(statement("reject_acts"), {**places, "redo": REDO, "redone": REDONE, "reason": reason})

    def for_review(self, run_id: str) -> int:
        """Count the answers of a run that no gate accepted and that a person is to review."""
        query = select(func.count()).where(acts.c.run_id == run_id, acts.c.verdict == REVIEW)
        return int(self._connection.execute(query).scalar_one())

    def of_iteration(self, run_id: str, number: int, *, rejected: bool = False) -> list[ActRow]:
        """List the acts of an iteration; with `rejected` also the answers that a gate did not accept."""
        return self._read(rejected, acts.c.run_id == run_id, acts.c.number == number)

    def of_numbers(self, run_id: str, numbers: Sequence[int], *, rejected: bool = False) -> list[ActRow]:
        return self._read(rejected, acts.c.run_id == run_id, acts.c.number.in_(numbers))

    def of_iterations(self, run_id: str, first: int, last: int, *, rejected: bool = False) -> list[ActRow]:
        """List the acts of the iterations from `first` to `last`, both included."""
        return self._read(rejected, acts.c.run_id == run_id, acts.c.number.between(first, last))

    def _read(self, rejected: bool, *conditions: Any) -> list[ActRow]:
        query = select(*(acts.c[name] for name in ActRow.__slots__)).where(*conditions)
        if not rejected:
            query = query.where(acts.c.status != REJECTED)
        query = query.order_by(acts.c.number, acts.c.position, acts.c.turn, acts.c.attempt)
        return [ActRow(**row) for row in self._connection.execute(query).mappings()]
