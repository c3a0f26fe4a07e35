"""Performs one model call with its retries: draw, call, settle, and the ledger rows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from botticelli.budget import Amounts, Draw, Refusal, Ticket
from botticelli.carousel.admission.dispatch import refusal_summary
from botticelli.carousel.admission.money_cap import cap_reason
from botticelli.carousel.admission.run_caps import run_scope
from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import (
    Driver,
    GenerateRequest,
    GenerateResponse,
    ModelName,
    Streams,
    Usage,
    Warmable,
    checked_response,
)
from botticelli.drivers.transport.departures import on_request_sent
from botticelli.errors import DriverError, DriverSpendCap, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.spending.costs import CostRounder
from botticelli.spending.draws import Draws, Request, granted
from botticelli.store import Entry, Settled, Transaction
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from workers.batching.batched_draws import GrantedDraw
from workers.batching.wait_window import busy_counter
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ActFailed, CapReached, ParkUntil
from workers.context.retry_waits import next_wait, unstated_limits
from workers.model.limit_learning import record_learned_limits
from workers.model.send_delays import spreads_of
from workers.model.spend_cap import pause_for_spend_cap
from workers.model.streaming import StreamedText
from workers.model.token_counts import with_counted_tokens

MINUTES_SECONDS = 120.0
"""Longest wait of a limit per minute: a longer one is of a daily quota, for which a wider guard would not help."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its usage. The settlement of its ledger row is written later, with the act."""

    response: GenerateResponse
    price: Mapping[str, Any] | None
    """The rates of its cost, as the ledger stores them."""
    model: ModelName
    draw_id: str
    tries: int
    drawn_at: datetime
    settled_at: datetime


class ModelDown(ActFailed):
    """This model will not answer now; another one may."""


class ModelCall:
    """Performs the calls for one turn of an act: with its model, then with the next one when that is exhausted or down."""

    def __init__(self, stage: IterationContext, act: str, retries: int, call: Call, name: str) -> None:
        self._stage = stage
        self._act = act
        self._retries = retries
        self._calls = (call, *call.fallbacks)
        self._call = call
        self._name = name
        """Unique within the iteration: position and turn."""
        self._ticket = Ticket.from_json(stage.claim.ticket)
        self._draws = Draws(stage.runtime.budget, self._ticket.id, call.scopes)
        self._spreads = spreads_of(stage.runtime)
        self._requested_at = 0.0
        """When the last granted draw was requested, in seconds of this process's monotonic clock."""
        self._first_retry = 0
        """The iteration's retry count when this model's tries began."""
        self._tries = 0
        self._tries_before = 0
        """The number of tries of other models before this one."""

    def perform(self, request: GenerateRequest) -> Answer:
        """Call the model.

        ActFailed when retries are used up or would not help; ParkUntil when the wait is too long for a worker.
        """
        waits: list[ParkUntil] = []
        down: list[str] = []
        for number, call in enumerate(self._calls):
            self._call = with_counted_tokens(call, request, self._stage.runtime.drivers.get(call.model.provider))
            self._first_retry = self._stage.retries_used if number else 0
            self._tries_before = self._tries
            try:
                return self._call_model(replace(request, model=call.model.model))
            except ParkUntil as wait:
                waits.append(wait)
            except ModelDown as failure:
                down.append(failure.error)
            finally:
                self._release_places()
        if waits:
            raise min(waits, key=lambda wait: wait.wait_seconds)
        raise ActFailed("; ".join(down))

    def _call_model(self, request: GenerateRequest) -> Answer:
        """Call one model, with its retries."""
        driver = self._stage.runtime.drivers.get(self._call.model.provider)
        self._prepare(driver)
        while True:
            draw = self._draw()
            try:
                with busy_counter.waiting_for_model(), on_request_sent(self._measure_delay):
                    self._measure_delay()
                    response = self._generate(driver, request)
                reach("model_answered")
                unstated_limits.end(self._call.scope.name)
            except DriverError as error:
                self._settle_failure(draw, error)
                self._back_off(error)
                continue
            except BaseException:
                self._settle_failure(draw, DriverUnknown("the call was interrupted"))
                raise
            finally:
                self._spreads.report(self._stage.runtime.budget, self._call.scope)
                record_learned_limits(self._stage.runtime, driver, self._call)
            response, price = self._priced(response, draw)
            settled = self._draws.settle(draw.id, _used(response.usage, response.cost_usd, self._call))
            reach("request_settled")
            moments = _moment(draw.drawn_at_ms), _moment(settled.settled_at_ms)
            return Answer(response, price, self._call.model, draw.id, self._tries, *moments)

    def _measure_delay(self) -> None:
        self._spreads.measure(self._call.scope, self._requested_at)

    def _prepare(self, driver: Driver) -> None:
        """Prepare the driver before the draw: a window counts from the draw, the provider from the request's arrival.

        Looks the price up, too: nothing that may fail or take long is left for after the answer.
        """
        _ = self._call.price.price
        if isinstance(driver, Warmable):
            try:
                driver.prepare()
            except DriverError as error:
                self._back_off(error)

    def _generate(self, driver: Driver, request: GenerateRequest) -> GenerateResponse:
        if isinstance(driver, Streams):
            turn = int(self._name.rpartition(".")[2])
            partials = StreamedText(lambda text: self._stage.partial(self._act, turn, text))
            return checked_response(request, driver.stream(request, partials.add))
        return checked_response(request, driver.generate(request))

    def _release_places(self) -> None:
        """Release the places in scopes that the ticket doesn't cover; what was drawn there is settled already."""
        covered = {share.scope.name for share in self._ticket.shares}
        others = [scope for scope in self._call.scopes if scope.name not in covered]
        if others:
            self._stage.runtime.budget.release(self._ticket.id, others)

    def _priced(self, response: GenerateResponse, draw: Draw) -> tuple[GenerateResponse, Mapping[str, Any] | None]:
        """Add the cost by known prices; else keep the driver's own figure. An unknown cost stays unknown."""
        charge = self._call.price.charge(response.usage, _moment(draw.drawn_at_ms), response.service)
        if charge is None:
            return response, None
        return replace(response, cost_usd=charge.usd), charge.applied.as_json()

    def _draw(self) -> Draw:
        """Return a granted draw that has its ledger row; wait for the windows if necessary."""
        claim = self._stage.claim
        self._tries += 1
        draw_id = f"{claim.run_id}:{claim.number}:{claim.fencing_token}:{self._name}:{self._tries - 1}"
        if self._call.model != self._calls[0].model:
            draw_id += f":{self._call.model}"
        self._spreads.report(self._stage.runtime.budget, self._call.scope)
        looks = 0
        while isinstance(drawn := self._drawn(f"{draw_id}:{looks}" if looks else draw_id), Refusal):
            if drawn.scope == run_scope(self._stage.run):
                looks += 1
                self._wait_for_cap(drawn, looks)
            else:
                self._wait_for(self._stage.runtime.scopes.with_retry(drawn))
        self._requested_at = drawn.requested_at
        if isinstance(drawn.confirmed, Refusal):
            self._give_up_draw(drawn.draw, drawn.confirmed)
        self._stage.begin(lambda tx: self._undo_draw(tx, drawn.draw))
        return drawn.draw

    def _give_up_draw(self, draw: Draw, refusal: Refusal) -> NoReturn:
        """Give up a draw that Redis forgot before its ledger row was written and that has no room now.

        Another attempt draws anew.
        """
        with self._stage.guarded() as tx:
            self._undo_draw(tx, draw)
        refusal = self._stage.runtime.scopes.with_retry(refusal)
        if refusal.retry_after_ms is None:
            self._wait_for(refusal)
        raise ParkUntil((refusal.retry_after_ms or 0) / 1000, str(refusal), refusal_summary(refusal))

    def _undo_draw(self, tx: Transaction, draw: Draw) -> None:
        """Undo a draw whose call is not made, though its ledger row exists."""
        self._draws.undo(draw.id)
        tx.ledger.settle(draw.id, "refused", _moment(draw.drawn_at_ms), Usage(0, 0))

    def _drawn(self, draw_id: str) -> GrantedDraw | Refusal:
        paused = self._stage.runtime.scopes.paused(self._call.scopes)
        request = Request(self._draws_now(), draw_id, self._call.amounts)
        return paused or self._stage.draw(request, self._entry)

    def _draws_now(self) -> Draws:
        """Return the draws in all scopes of the call, with the limits that are in force now."""
        scopes = tuple(map(self._stage.runtime.scopes.in_force, self._call.scopes))
        self._draws = replace(self._draws, scopes=scopes)
        return self._draws

    @property
    def _counts_money(self) -> bool:
        """Whether a window or a cap counts the cost of calls, so that an estimate of it is needed."""
        windows = (window for scope in self._call.scopes for window in scope.windows)
        return self._stage.run.max_cost_usd is not None or any(w.metric == "cost_microusd" for w in windows)

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
            estimated_cost_usd=self._call.cost_usd if self._counts_money else None,
            drawn_at=_moment(draw.drawn_at_ms),
            narrative=self._stage.run.narrative,
            model=str(self._call.model),
            shares=granted(self._ticket, self._draws.scopes, draw.amounts),
        )

    def _wait_for_cap(self, refusal: Refusal, looks: int) -> None:
        """Wait until calls in flight have shown their cost; CapReached when none is in flight."""
        if refusal.retry_after_ms is None:
            raise CapReached(cap_reason(refusal))
        wait_seconds = refusal.retry_after_ms / 1000
        if looks == 1:
            self._stage.tell("call_waiting", act=self._act, reason=str(refusal), wait_seconds=wait_seconds)
        self._sleep(wait_seconds, str(refusal), refusal_summary(refusal))

    def _wait_for(self, refusal: Refusal) -> None:
        if refusal.retry_after_ms is None:
            raise ModelDown(f"{refusal}; lower the estimate or choose another tier")
        wait_seconds = refusal.retry_after_ms / 1000
        self._stage.tell("call_waiting", act=self._act, reason=str(refusal), wait_seconds=wait_seconds)
        self._sleep(wait_seconds, str(refusal), refusal_summary(refusal))

    def _settle_failure(self, draw: Draw, error: DriverError) -> None:
        """Settle a call that failed.

        A refused request counts one request and no tokens; one with an unknown outcome, its whole estimate; one that
        had begun, what was counted; one that was never sent, nothing.
        """
        if not error.was_sent:
            self._draws.undo(draw.id)
            with self._stage.guarded() as tx:
                tx.ledger.settle(draw.id, "not_sent", _moment(draw.drawn_at_ms), Usage(0, 0))
            return
        usage = Usage(*error.served_tokens)
        charge = self._call.price.charge(usage, _moment(draw.drawn_at_ms)) if usage.total_tokens else None
        cost_usd, price = (charge.usd, charge.applied.as_json()) if charge else (None, None)
        unknown, served = isinstance(error, DriverUnknown), usage.total_tokens > 0
        settled = self._draws.settle(draw.id, None if unknown else _used(usage, cost_usd, self._call))
        outcome = "unknown" if unknown else "settled" if served else "refused"
        settled_at = _moment(settled.settled_at_ms)
        row = Settled(draw.id, outcome, settled_at, None if unknown else usage, cost_usd, served, price)
        with self._stage.guarded() as tx:
            tx.ledger.settle_all([row])

    def _back_off(self, error: DriverError) -> None:
        """Wait for the next try; ActFailed when there is none."""
        model = self._call.model
        if isinstance(error, DriverSpendCap):
            pause_for_spend_cap(self._stage, self._call, error, self._act)
        if isinstance(error, DriverTerminal):
            raise (ModelDown if error.elsewhere else ActFailed)(f"{model}: {error}") from None
        if isinstance(error, DriverTransient) and error.too_steep:
            self._stage.runtime.scopes.effective_limits.restart(self._call.scope)
        limited = isinstance(error, DriverTransient) and error.limited
        requested_seconds = error.retry_after_seconds if isinstance(error, DriverTransient) else None
        failed = self._stage.retries_used - self._first_retry
        waited = self._wait_for_limit(requested_seconds) if limited else None
        if waited is not None:
            wait_seconds = waited
        elif failed >= self._retries:
            raise ModelDown(f"{model}: {error}; {self._failed_tries()}") from None
        else:
            wait_seconds = next_wait(failed, requested_seconds, limited=limited)
            self._stage.retries.count()
        if limited and (requested_seconds or 0) <= MINUTES_SECONDS:
            self._spreads.refuse(self._call.scope)
        if requested_seconds is not None:
            self._stage.runtime.budget.block_until(self._call.scope, round(requested_seconds * 1000))
        log(
            "model_call_failed",
            level=logging.WARNING,
            run=self._stage.claim.run_id,
            error=error,
            wait_seconds=wait_seconds,
        )
        self._stage.tell("call_failed", act=self._act, error=str(error), wait_seconds=round(wait_seconds, 3))
        self._sleep(wait_seconds, f"{model}: {error}")

    def _wait_for_limit(self, requested_seconds: float | None) -> float | None:
        """Return the wait in seconds after a rate limit that doesn't count as a failed try; None when it counts as one.

        It doesn't count for runs that wait for limits.
        """
        run, scope = self._stage.run, self._call.scope
        if run.on_budget_exhausted != "wait":
            return None
        if requested_seconds is not None:
            return next_wait(0, requested_seconds)
        wait_seconds = unstated_limits.next_wait(scope.name, run.max_wait_seconds)
        if wait_seconds is not None and unstated_limits.is_repeated(scope.name):
            self._stage.runtime.budget.block_until(scope, round(wait_seconds * 1000))
        return wait_seconds

    def _failed_tries(self) -> str:
        """Say how many tries of this model failed in this attempt."""
        tries = self._tries - self._tries_before
        return "1 try failed" if tries == 1 else f"{tries} tries failed"

    def _sleep(self, wait_seconds: float, reason: str, waiting_for: Mapping[str, Any] | None = None) -> None:
        """Sleep through a short wait, without a connection; a long one hands the iteration back."""
        if wait_seconds > self._stage.runtime.settings.worker.inline_wait_seconds:
            raise ParkUntil(wait_seconds, reason, waiting_for)
        with busy_counter.waiting_for_model():
            threading.Event().wait(wait_seconds)


_costs = CostRounder()
"""Fractions of a microdollar to carry over, by scope, in this process."""


def _used(usage: Usage, cost_usd: Decimal | None, call: Call) -> Amounts:
    """Return the amounts used. Cached input tokens count in windows of input tokens where the provider counts them."""
    cost_microusd = _costs.microusd(call.scope.name, cost_usd)
    input_tokens = usage.input_tokens if call.counts_cached else usage.input_tokens - usage.cached_tokens
    return Amounts(1, usage.total_tokens, input_tokens, usage.output_tokens, cost_microusd)


def _moment(clock_ms: int) -> datetime:
    return datetime.fromtimestamp(clock_ms / 1000, UTC)
