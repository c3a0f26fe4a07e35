"""One model call with its retries: draw, call, settle, and the ledger's rows. Builds no prompt, writes no act row."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botticelli.budget import Amounts, Draw, Refusal, Ticket
from botticelli.carousel.dispatch import in_short
from botticelli.carousel.plan import Call
from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.failpoints import reach
from botticelli.store import Entry, Transaction
from botticelli.telemetry import log
from workers.draws import Draws, granted
from workers.outcomes import ActFailed, LongWait
from workers.stage import Stage

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
JITTER = 0.25
"""A wait is lengthened by up to this part of it, so that a fleet doesn't wake all at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and what it took. The settle of the ledger row is still to be written, with the act."""

    response: GenerateResponse
    draw_id: str
    tries: int
    drawn_at: datetime
    settled_at: datetime


class ModelCall:
    """The calls for one turn of one act."""

    def __init__(self, stage: Stage, act: str, retries: int, call: Call, name: str) -> None:
        self._stage = stage
        self._act = act
        self._retries = retries
        self._call = call
        self._name = name
        """Unique within the iteration: position and turn."""
        self._ticket = Ticket.from_json(stage.claim.ticket)
        self._draws = Draws(stage.runtime.budget, self._ticket.id, call.scopes)
        self._tries = 0

    def perform(self, request: GenerateRequest) -> Answer:
        """ActFailed when retries are used up or would not help; LongWait when the wait is not for a worker."""
        driver = self._stage.runtime.drivers.get(self._call.model.provider)
        while True:
            draw = self._draw()
            try:
                response = driver.generate(request)
                reach("model_answered")
            except DriverError as error:
                self._settle_failure(draw, error)
                self._back_off(error)
                continue
            except BaseException:
                self._settle_failure(draw, DriverUnknown("the call was interrupted"))
                raise
            response = self._priced(response)
            settled = self._draws.settle(draw.id, _used(response))
            reach("request_settled")
            return Answer(response, draw.id, self._tries, _moment(draw.drawn_at_ms), _moment(settled.settled_at_ms))

    def _priced(self, response: GenerateResponse) -> GenerateResponse:
        """With what it costs by the prices that are known here; else what the driver says. Unknown stays unknown."""
        usage, prices = response.usage, self._stage.runtime.model_budget(self._call.model).prices
        cost_usd = prices.cost_usd(
            input_tokens=usage.input_tokens, cached_tokens=usage.cached_tokens, output_tokens=usage.output_tokens
        )
        return response if cost_usd is None else replace(response, cost_usd=cost_usd)

    def _draw(self) -> Draw:
        """A granted draw with its row in the ledger; waits for the windows if it has to."""
        claim = self._stage.claim
        self._tries += 1
        draw_id = f"{claim.run_id}:{claim.number}:{claim.fence}:{self._name}:{self._stage.retries_used}"
        while isinstance(draw := self._drawn(draw_id), Refusal):
            self._wait_for(self._stage.runtime.softened(draw))
        reach("request_drawn")
        try:
            with self._stage.about_to_act() as tx:
                tx.ledger.draw(self._entry(draw))
        except BaseException:
            self._draws.undo(draw.id)
            raise
        reach("draw_in_ledger")
        self._stage.begin(lambda tx: self._take_back(tx, draw))
        return draw

    def _take_back(self, tx: Transaction, draw: Draw) -> None:
        """The request is not made after all, though its row is in the ledger."""
        self._draws.undo(draw.id)
        tx.ledger.settle(draw.id, "refused", _moment(draw.drawn_at_ms), Usage(0, 0))

    def _drawn(self, draw_id: str) -> Draw | Refusal:
        paused = self._stage.runtime.paused(self._call.scopes)
        return paused or self._draws_now().draw(draw_id, self._call.amounts)

    def _draws_now(self) -> Draws:
        """In all scopes of the call, with the limits that are in force at this moment."""
        scopes = tuple(map(self._stage.runtime.in_force, self._call.scopes))
        self._draws = replace(self._draws, scopes=scopes)
        return self._draws

    def _entry(self, draw: Draw) -> Entry:
        claim = self._stage.claim
        return Entry(
            draw_id=draw.id,
            run_id=claim.run_id,
            number=claim.number,
            act=self._act,
            attempt=claim.attempt,
            scope=self._call.scope.name,
            estimated_tokens=self._call.tokens,
            drawn_at=_moment(draw.drawn_at_ms),
            narrative=self._stage.run.narrative,
            model=str(self._call.model),
            shares=granted(self._ticket, self._draws.scopes, draw.amounts),
        )

    def _wait_for(self, refusal: Refusal) -> None:
        if refusal.retry_after_ms is None:
            raise ActFailed(f"{refusal}; lower the estimate or choose another tier")
        wait_seconds = refusal.retry_after_ms / 1000
        self._stage.tell("call_waiting", act=self._act, reason=str(refusal), wait_seconds=wait_seconds)
        self._sleep(wait_seconds, str(refusal), in_short(refusal))

    def _settle_failure(self, draw: Draw, error: DriverError) -> None:
        """A refused request used a request and no token; of one with an unknown outcome the whole estimate counts."""
        unknown = isinstance(error, DriverUnknown)
        actual = None if unknown else Amounts(1, 0)
        settled = self._draws.settle(draw.id, actual)
        usage = None if unknown else Usage(0, 0)
        with self._stage.guarded() as tx:
            tx.ledger.settle(draw.id, "unknown" if unknown else "refused", _moment(settled.settled_at_ms), usage)

    def _back_off(self, error: DriverError) -> None:
        """Wait for the next try; ActFailed when there is none."""
        model = self._call.model
        if isinstance(error, DriverTerminal):
            raise ActFailed(f"{model}: {error}") from None
        if self._stage.retries_used >= self._retries:
            raise ActFailed(f"{model}: {error}; {self._tries} tries failed") from None
        backoff_seconds = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**self._stage.retries_used)
        asked_seconds = error.retry_after_seconds if isinstance(error, DriverTransient) else None
        wait_seconds = max(backoff_seconds, asked_seconds or 0.0) * (1 + JITTER * random.random())
        self._stage.retries_used += 1
        if asked_seconds is not None:
            self._stage.runtime.budget.block_until(self._call.scope, round(asked_seconds * 1000))
        log(
            "model_call_failed",
            level=logging.WARNING,
            run=self._stage.claim.run_id,
            error=error,
            wait_seconds=wait_seconds,
        )
        self._stage.tell("call_failed", act=self._act, error=str(error), wait_seconds=round(wait_seconds, 3))
        self._sleep(wait_seconds, f"{model}: {error}")

    def _sleep(self, wait_seconds: float, reason: str, waiting_for: Mapping[str, Any] | None = None) -> None:
        """A short wait is sat through, without a connection; for a long one the iteration is given back."""
        if wait_seconds > self._stage.runtime.settings.worker.inline_wait_seconds:
            raise LongWait(wait_seconds, reason, waiting_for)
        threading.Event().wait(wait_seconds)


def _used(response: GenerateResponse) -> Amounts:
    """What was really used. Input that the provider had in its cache is no input of the windows that count input."""
    usage, cost_microusd = response.usage, math.ceil((response.cost_usd or 0) * 1_000_000)
    fresh_tokens = usage.input_tokens - usage.cached_tokens
    return Amounts(1, usage.total_tokens, fresh_tokens, usage.output_tokens, cost_microusd)


def _moment(clock_ms: int) -> datetime:
    return datetime.fromtimestamp(clock_ms / 1000, UTC)
