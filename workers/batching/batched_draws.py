"""Draws from the budget, writes the ledger row and confirms it, for all concurrent calls in one batch.

A refusal is returned; waiting for the window is the caller's task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from botticelli.budget import Draw, Refusal
from botticelli.runtime.process import Runtime
from botticelli.spending.draws import Request, confirm_all, draw_all
from botticelli.store import Claim, Entry, RunIntent
from botticelli.telemetry.failpoints import reach
from workers.batching.batcher import Batcher
from workers.batching.wait_window import busy_counter


@dataclass(frozen=True, slots=True)
class PendingDraw:
    """A request to draw, and the function that builds its ledger row from the granted draw."""

    claim: Claim
    request: Request
    entry: Callable[[Draw], Entry]


@dataclass(frozen=True, slots=True)
class GrantedDraw:
    """A granted draw.

    `run` says what the run intends now; None when the lease is lost. The ledger row exists, and `confirmed` is set,
    only when the run still wants calls.
    """

    draw: Draw
    run: RunIntent | None
    confirmed: Draw | Refusal | None = None
    requested_at: float = 0.0
    """Time of the request, in seconds of this process's monotonic clock: the grant is not older."""


def draw(runtime: Runtime, drawing: PendingDraw) -> GrantedDraw | Refusal:
    """Draw for one call. A caller that then makes no call must undo the draw."""
    return _drawings.ask(runtime, drawing)


def _draw_together(runtime: Runtime, drawings: Sequence[PendingDraw]) -> list[GrantedDraw | Refusal]:
    requested_at = time.monotonic()
    answers = draw_all(runtime.budget, [drawing.request for drawing in drawings])
    granted = [(drawing, draw) for drawing, draw in zip(drawings, answers, strict=True) if isinstance(draw, Draw)]
    if not granted:
        return [answer for answer in answers if isinstance(answer, Refusal)]
    reach("request_drawn")
    drawn = iter(_enter(runtime, granted))
    return [
        answer if isinstance(answer, Refusal) else replace(next(drawn), requested_at=requested_at) for answer in answers
    ]


def _enter(runtime: Runtime, granted: Sequence[tuple[PendingDraw, Draw]]) -> list[GrantedDraw]:
    """Write the ledger rows of iterations whose lease is valid, then confirm the draws."""
    lease_seconds = runtime.settings.worker.lease_seconds
    with runtime.store.transaction() as tx:
        held = tx.iterations.check_leases([drawing.claim for drawing, _ in granted], lease_seconds=lease_seconds)
        runs = [held.get(drawing.claim.key) for drawing, _ in granted]
        entered = [n for n, run in enumerate(runs) if run is not None and run.allows_next_step]
        if entered:
            tx.ledger.draw(*(granted[n][0].entry(granted[n][1]) for n in entered))
    reach("draw_in_ledger")
    confirmed = confirm_all(runtime.budget, [(granted[n][0].request, granted[n][1]) for n in entered])
    by_place = dict(zip(entered, confirmed, strict=True))
    return [GrantedDraw(granted[n][1], run, by_place.get(n)) for n, run in enumerate(runs)]


_drawings: Batcher[Runtime, PendingDraw, GrantedDraw | Refusal] = Batcher(_draw_together, busy_counter.gather_seconds)
