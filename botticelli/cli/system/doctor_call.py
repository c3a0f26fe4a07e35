"""Makes the test call of `botticelli doctor --call`: drawn from the budget and recorded in the ledger like any other.

Does not retry.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from botticelli.budget import Amounts, Draw, Refusal, Share, Ticket
from botticelli.budget.limits import multiplied
from botticelli.carousel.plan.estimates import Estimate
from botticelli.carousel.plan.planned_calls import Call
from botticelli.cli.budget.budget_scopes import MULTIPLIERS
from botticelli.cli.system.doctor_checks import Finding
from botticelli.drivers import (
    Driver,
    GenerateRequest,
    GenerateResponse,
    Message,
    ModelName,
    RecommendsModel,
    Usage,
    Warmable,
    checked_response,
)
from botticelli.drivers.interface.token_estimate import estimate_request_tokens
from botticelli.errors import DriverError, DriverTransient, DriverUnknown, InvalidInput
from botticelli.pricing import STANDARD
from botticelli.runtime.process import Runtime
from botticelli.store import Entry, Settled

PROMPT = "Say ok."
MAX_OUTPUT_TOKENS = 16
"""Some reasoning models refuse a lower limit."""
NAME = "call"
NARRATIVE = "doctor"


def trial(runtime: Runtime, text: str) -> Iterator[Finding]:
    """Call a model once and yield the finding. `text` chooses the model, see `model_of`."""
    model = model_of(runtime, text)
    request = GenerateRequest(model=model.model, messages=(Message("user", PROMPT),), max_tokens=MAX_OUTPUT_TOKENS)
    driver = runtime.drivers.get(model.provider)
    try:
        if isinstance(driver, Warmable):
            driver.prepare()
        result = Trial(runtime, _call(runtime, model, request)).perform(driver, request)
    except DriverError as error:
        yield Finding(NAME, "fail", f"{model}: {error.what}", error.do or _remedy(error))
        return
    if isinstance(result, Refusal):
        yield Finding(NAME, "warn", f"{model} was not called: {result}", "try again when its budget has room")
        return
    response, seconds = result
    if response.finish_reason == "refused":
        yield Finding(
            NAME, "warn", f"{model} refused to answer {PROMPT!r}", "check the content filters of the provider"
        )
        return
    used = f"{response.usage.total_tokens} tokens, counted in its budget and in the ledger"
    yield Finding(NAME, "ok", f"{model} answered in {seconds:.1f} s: {used}")


def model_of(runtime: Runtime, text: str) -> ModelName:
    """Resolve `provider/model`, a bare model, a provider with a known model, or "" for the default. InvalidInput."""
    default = runtime.drivers.resolve(runtime.default_model.model)
    if text in ("", default.provider):
        return default
    if text not in runtime.drivers.names():
        return runtime.drivers.resolve(text)
    driver, configured = runtime.drivers.get(text), runtime.settings.providers.get(text)
    tiers = [tier for source in (configured, driver.rate_limits()) if source for tier in source.tiers.values()]
    recommended = driver.recommended_model() if isinstance(driver, RecommendsModel) else ""
    known = [recommended] if driver.claims(recommended) else []
    known += [name for tier in tiers for name in tier.models if not name.endswith("*")]
    if not known:
        raise InvalidInput(f"no model of {text} is known here", do=f"write --call {text}/MODEL")
    return runtime.drivers.resolve(f"{text}/{known[0]}")


@dataclass
class Trial:
    """Performs one call: draws from the budget, calls the driver, settles."""

    runtime: Runtime
    call: Call

    def __post_init__(self) -> None:
        self._run_id = str(uuid.uuid4())
        self._ticket_id = f"{self._run_id}:0:1"

    def perform(self, driver: Driver, request: GenerateRequest) -> tuple[GenerateResponse, float] | Refusal:
        """Return the response and its duration in seconds, or the refusal of the budget. DriverError as `generate`."""
        scope, budget = self.call.scope, self.runtime.budget
        draw = self.runtime.scopes.paused([scope]) or budget.draw(
            self._ticket_id, self._run_id, scope, self.call.amounts
        )
        if isinstance(draw, Refusal):
            return draw
        try:
            return self._generate(draw, driver, request)
        finally:
            budget.release(self._ticket_id, [scope])

    def _generate(self, draw: Draw, driver: Driver, request: GenerateRequest) -> tuple[GenerateResponse, float]:
        with self.runtime.store.transaction() as tx:
            tx.ledger.draw(self._entry(draw))
        began = time.monotonic()
        try:
            response = checked_response(request, driver.generate(request))
        except DriverError as error:
            self._settle_failure(draw, error)
            if isinstance(error, DriverTransient) and error.retry_after_seconds is not None:
                self.runtime.budget.block_until(self.call.scope, round(error.retry_after_seconds * 1000))
            raise
        except BaseException:
            self._settle(draw, "unknown", None)
            raise
        doubtful = bool(response.usage_doubtful)
        self._settle(draw, "settled", response.usage, doubtful=doubtful, service=response.service)
        return response, time.monotonic() - began

    def _settle_failure(self, draw: Draw, error: DriverError) -> None:
        """Settle a failed call as a worker does: charge what was sent, not what never left."""
        usage = Usage(*error.served_tokens)
        if isinstance(error, DriverUnknown):
            self._settle(draw, "unknown", None)
        elif error.was_sent:
            self._settle(draw, "settled" if usage.total_tokens else "refused", usage, doubtful=usage.total_tokens > 0)
        else:
            self._settle(draw, "not_sent", usage, requests=0)

    def _settle(
        self,
        draw: Draw,
        outcome: str,
        usage: Usage | None,
        *,
        doubtful: bool = False,
        requests: int = 1,
        service: str = STANDARD,
    ) -> None:
        """Settle the draw in budget and ledger. `usage` None means unknown: the estimate stays charged."""
        actual, cost_usd, price = None, None, None
        if usage is not None:
            charge = self.call.price.charge(usage, _moment(draw.drawn_at_ms), service)
            cost_usd, price = (charge.usd, charge.applied.as_json()) if charge else (None, None)
            fresh_tokens, cost_microusd = usage.input_tokens - usage.cached_tokens, math.ceil((cost_usd or 0) * 10**6)
            actual = Amounts(requests, usage.total_tokens, fresh_tokens, usage.output_tokens, cost_microusd)
        settled = self.runtime.budget.settle(self._ticket_id, draw.id, self.call.scope, actual)
        with self.runtime.store.transaction() as tx:
            moment = _moment(settled.settled_at_ms)
            tx.ledger.settle_all([Settled(draw.id, outcome, moment, usage, cost_usd, doubtful, price)])

    def _entry(self, draw: Draw) -> Entry:
        call = self.call
        return Entry(
            draw_id=draw.id,
            run_id=self._run_id,
            number=0,
            act=NAME,
            attempt=1,
            scope=call.scope.name,
            estimated_tokens=call.tokens,
            drawn_at=_moment(draw.drawn_at_ms),
            narrative=NARRATIVE,
            model=str(call.model),
            shares=Ticket(self._ticket_id, (Share(call.scope, draw.amounts),), 0).to_json()["shares"],
        )


def _call(runtime: Runtime, model: ModelName, request: GenerateRequest) -> Call:
    """Plan the call under the limits that are in force now."""
    budget = runtime.scopes.model_budget(model)
    multipliers = runtime.settings.budget.model_dump(include=MULTIPLIERS)
    scope = runtime.scopes.in_force(multiplied(budget.scope, multipliers))
    input_tokens = estimate_request_tokens(request)
    estimate = Estimate(input_tokens + MAX_OUTPUT_TOKENS, "prompt", input_tokens)
    return Call(model, (scope,), 1, estimate, runtime.price(model))


def _remedy(error: DriverError) -> str:
    if isinstance(error, DriverTransient):
        return "try again later; check the network, the proxy and base_url"
    return "check base_url, and whether the provider is up"


def _moment(clock_ms: int) -> datetime:
    return datetime.fromtimestamp(clock_ms / 1000, UTC)
