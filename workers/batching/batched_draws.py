"""What happens between a request that is wanted and the call: drawn, in the ledger, confirmed. Waits for no window.

Those of all iterations that this process performs at the same time are drawn in one go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from botticelli.budget import Draw, Refusal
from botticelli.runtime.process import Runtime
from botticelli.spending.draws import Request, confirm_all, draw_all
from botticelli.store import Claim, Entry, Wanted
from botticelli.telemetry.failpoints import reach
from workers.batching.batcher import Batcher
from workers.batching.wait_window import crowd


@dataclass(frozen=True, slots=True)
class Drawing:
    """A request to draw, and the ledger's row of it once it is drawn."""

    claim: Claim
    request: Request
    entry: Callable[[Draw], Entry]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draw that was granted.

    `run` says what the run wants now; None when the iteration is no longer held. The ledger has the row, and
    `confirmed` is there, only when calls are still wanted.
    """

    draw: Draw
    run: Wanted | None
    confirmed: Draw | Refusal | None = None
    asked_at: float = 0.0
    """When it was asked for, by this process's own steady clock: the grant is not older."""


def draw(runtime: Runtime, drawing: Drawing) -> Drawn | Refusal:
    """Whoever makes no call then, whatever the reason, has to undo the draw."""
    return _drawings.ask(runtime, drawing)


def _draw_together(runtime: Runtime, asked: Sequence[Drawing]) -> list[Drawn | Refusal]:
    asked_at = time.monotonic()
    answers = draw_all(runtime.budget, [one.request for one in asked])
    granted = [(one, draw) for one, draw in zip(asked, answers, strict=True) if isinstance(draw, Draw)]
    if not granted:
        return [answer for answer in answers if isinstance(answer, Refusal)]
    reach("request_drawn")
    drawn = iter(_enter(runtime, granted))
    return [answer if isinstance(answer, Refusal) else replace(next(drawn), asked_at=asked_at) for answer in answers]


def _enter(runtime: Runtime, granted: Sequence[tuple[Drawing, Draw]]) -> list[Drawn]:
    """In the ledger, behind the guard; then confirmed."""
    lease_seconds = runtime.settings.worker.lease_seconds
    with runtime.store.transaction() as tx:
        held = tx.iterations.guard_all([one.claim for one, _ in granted], lease_seconds=lease_seconds)
        runs = [held.get(one.claim.key) for one, _ in granted]
        entered = [n for n, run in enumerate(runs) if run is not None and run.is_going_on]
        if entered:
            tx.ledger.draw(*(granted[n][0].entry(granted[n][1]) for n in entered))
    reach("draw_in_ledger")
    confirmed = confirm_all(runtime.budget, [(granted[n][0].request, granted[n][1]) for n in entered])
    by_place = dict(zip(entered, confirmed, strict=True))
    return [Drawn(granted[n][1], run, by_place.get(n)) for n, run in enumerate(runs)]


_drawings: Batcher[Runtime, Drawing, Drawn | Refusal] = Batcher(_draw_together, crowd.gather_seconds)
