"""Performs one model call with its retries: draw, call, settle, and the ledger rows."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from botticelli.budget import Draw, Refusal, Ticket
from botticelli.carousel.admission.dispatch import refusal_summary
from botticelli.carousel.admission.money_cap import cap_reason
from botticelli.carousel.admission.state_machine import run_scope
from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import (
    CountsTokens,
    Driver,
    GenerateRequest,
    GenerateResponse,
    ModelName,
    Streams,
    Warmable,
    checked_response,
)
from botticelli.drivers.interface.token_estimate import estimate_request_tokens
from botticelli.drivers.transport.departures import on_request_sent
from botticelli.errors import DriverError, DriverSpendCap, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.spending.account import Account, PaidResponse, Request, Spender
from botticelli.store import Transaction
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from workers.batching.batched_writes import GrantedDraw, PendingDraw, draw
from workers.batching.batcher import busy_counter
from workers.context.iteration_context import IterationContext, require_going_on
from workers.context.outcomes import ActFailed, CapReached, ModelDown, ParkUntil
from workers.context.retry_waits import next_wait
from workers.context.trace_spans import CallSpan
from workers.model.provider_limits import (
    flex_refusals,
    pause_for_spend_cap,
    record_learned_limits,
    unstated_limits,
    wait_for_capacity,
)
from workers.model.send_delays import spreads_of

MINUTES_SECONDS = 120.0
"""Longest wait of a limit per minute: a longer one is of a daily quota, for which a wider guard would not help."""
PARTIAL_INTERVAL_SECONDS = 0.2


def with_counted_tokens(call: Call, request: GenerateRequest, driver: Driver) -> Call:
    """Return the call with the best count of its input tokens.

    That is the provider's own count, if the driver is configured to request it. Otherwise, where the estimate knew only
    the prompt's literal text, it is the estimate with references, history and media included, if that is larger.
    """
    estimate = call.estimate
    counted = driver.count_tokens(request) if isinstance(driver, CountsTokens) else None
    if counted is None:
        if estimate.source != "prompt":
            return call
        counted = max(estimate.input_tokens, estimate_request_tokens(request))
    tokens = counted + estimate.output_tokens
    return replace(call, estimate=replace(estimate, tokens=tokens, input_tokens=counted))


class StreamedText:
    """Collects pieces of an answer; `show` is called with all text so far, at most five times a second."""

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._clock = clock
        self._text: list[str] = []
        self._next = 0.0

    def add(self, piece: str) -> None:
        self._text.append(piece)
        now = self._clock()
        if now >= self._next:
            self._next = now + PARTIAL_INTERVAL_SECONDS
            self._show("".join(self._text))


@dataclass(frozen=True, slots=True)
class Answer:
    """A paid answer. The settlement of its ledger row is written later, with the act."""

    paid: PaidResponse
    model: ModelName
    tries: int

    @property
    def response(self) -> GenerateResponse:
        return self.paid.response


class ModelCall:
    """Performs the calls for one turn of an act: with its model, then with the next one when that is exhausted or down."""

    def __init__(
        self, stage: IterationContext, act: str, retries: int, call: Call, name: str, *, is_repair: bool = False
    ) -> None:
        self._stage = stage
        self._act = act
        self._retries = retries
        self._calls = (call, *call.fallbacks)
        self._call = call
        self._turn = int(name.rpartition(".")[2])
        self._name = f"{name}.repair" if is_repair else name
        """Unique within the iteration: position and turn, and whether it repairs."""
        self._is_repair = is_repair
        self._ticket = Ticket.from_json(stage.claim.ticket)
        self._account = self._account_for(call)
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
            self._account = self._account_for(self._call)
            self._first_retry = self._stage.retries_used if number else 0
            self._tries_before = self._tries
            try:
                return self._call_model(replace(request, model=call.model.model))
            except ParkUntil as wait:
                waits.append(wait)
            except ModelDown as failure:
                down.append(failure.error)
            finally:
                self._account.release()
        if waits:
            raise min(waits, key=lambda wait: wait.wait_seconds)
        raise ActFailed("; ".join(down))

    def _account_for(self, call: Call) -> Account:
        claim, run, runtime = self._stage.claim, self._stage.run, self._stage.runtime
        is_capped = run.max_cost_usd is not None
        spender = Spender(
            claim.run_id, claim.number, self._act, claim.attempt, run.narrative, is_capped, self._is_repair
        )
        return Account(runtime.budget, self._ticket, call, spender, runtime.scopes.in_force)

    def _call_model(self, request: GenerateRequest) -> Answer:
        """Call one model, with its retries."""
        driver = self._stage.runtime.drivers.get(self._call.model.provider)
        self._prepare(driver)
        while True:
            self._spreads.report(self._stage.runtime.budget, self._call.scope)
            draw = self._draw()
            span = self._begin_span(request)
            try:
                with busy_counter.waiting_for_model(self._stage.claim.run_id), on_request_sent(self._measure_delay):
                    self._measure_delay()
                    response = self._generate(driver, request)
                if span is not None:
                    span.end(response)
                reach("model_answered")
                unstated_limits.end(self._call.scope.name)
                flex_refusals.end(self._call.scope.name)
            except DriverError as error:
                self._fail_span(span, error)
                self._settle_failure(draw, error)
                self._back_off(error)
                continue
            except BaseException as error:
                self._fail_span(span, error)
                self._settle_failure(draw, DriverUnknown("the call was interrupted"))
                raise
            finally:
                self._spreads.report(self._stage.runtime.budget, self._call.scope)
                record_learned_limits(self._stage.runtime, driver, self._call)
            paid = self._paid(draw, response)
            reach("request_settled")
            return Answer(paid, self._call.model, self._tries)

    def _paid(self, draw: Draw, response: GenerateResponse) -> PaidResponse:
        """Charge an answer. The charge of the last act is settled by the iteration's end, in its trip to the Budget.

        It is settled at once where anything else may come before that, a slot would wait, or the run's use is capped.
        """
        stage, act = self._stage, self._stage.act
        is_alone = stage.is_last(self._turn) and act.gate is None and act.answer_schema is None
        if not is_alone or stage.run.is_capped or not self._account.settles_with_ticket:
            return self._account.settle(draw, response)
        paid = self._account.charge(draw, response)
        stage.open_charges.append(paid.charge)
        return paid

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
            partials = StreamedText(lambda text: self._stage.partial(self._act, self._turn, text))
            return checked_response(request, driver.stream(request, partials.add))
        return checked_response(request, driver.generate(request))

    def _draw(self) -> Draw:
        """Return a granted draw that has its ledger row; wait for the windows if necessary."""
        claim = self._stage.claim
        self._tries += 1
        draw_id = f"{claim.run_id}:{claim.number}:{claim.fencing_token}:{self._name}:{self._tries - 1}"
        if self._call.model != self._calls[0].model:
            draw_id += f":{self._call.model}"
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
        tx.ledger.settle_all([self._account.cancel(draw)])

    def _drawn(self, draw_id: str) -> GrantedDraw | Refusal:
        paused = self._stage.runtime.scopes.paused(self._call.scopes)
        return paused or self._grant(self._account.request(draw_id))

    def _grant(self, request: Request) -> GrantedDraw | Refusal:
        """Draw and write the ledger row. Raises as `about_to_act` does; then nothing stays drawn, nor when refused."""
        stage = self._stage
        stage.requested_at = time.monotonic()
        try:
            is_capped = stage.run.max_cost_usd is not None
            drawn = draw(stage.runtime, PendingDraw(stage.claim, request, self._account.entry, is_capped))
            if isinstance(drawn, GrantedDraw):
                if drawn.run is None:
                    raise stage.claim.stale()
                require_going_on(drawn.run)
                if drawn.capped is not None:
                    request.draws.undo(request.draw_id)
                    return drawn.capped
        except BaseException:
            request.draws.undo(request.draw_id)
            raise
        return drawn

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

    def _begin_span(self, request: GenerateRequest) -> CallSpan | None:
        """Begin the span of one try; None where nothing is traced."""
        is_traced = self._stage.runtime.spans.is_on
        return CallSpan(self._stage, self._act, self._call, request, self._tries) if is_traced else None

    @staticmethod
    def _fail_span(span: CallSpan | None, error: BaseException) -> None:
        if span is not None:
            span.fail(error)

    def _settle_failure(self, draw: Draw, error: DriverError) -> None:
        settled = self._account.settle_failure(draw, error)
        with self._stage.guarded() as tx:
            tx.ledger.settle_all([settled])

    def _back_off(self, error: DriverError) -> None:
        """Wait for the next try; ActFailed when there is none."""
        model = self._call.model
        if isinstance(error, DriverSpendCap):
            pause_for_spend_cap(self._stage, self._call, error, self._act)
        if isinstance(error, DriverTerminal):
            raise (ModelDown if error.elsewhere else ActFailed)(f"{model}: {error}") from None
        if isinstance(error, DriverTransient) and error.no_capacity:
            wait_for_capacity(self._stage, self._call, error, self._act)
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
        with busy_counter.waiting_for_model(self._stage.claim.run_id):
            threading.Event().wait(wait_seconds)
