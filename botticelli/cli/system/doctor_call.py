"""Makes the test call of `botticelli doctor --call`: drawn from the budget and recorded in the ledger like any other.

Does not retry.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from botticelli.budget import Draw, Refusal, Ticket
from botticelli.budget.limits import multiplied
from botticelli.carousel.plan.estimates import Estimate
from botticelli.carousel.plan.planned_calls import Call
from botticelli.cli.system.doctor_checks import Finding
from botticelli.drivers import (
    Driver,
    GenerateRequest,
    GenerateResponse,
    Message,
    ModelName,
    RecommendsModel,
    Warmable,
    checked_response,
)
from botticelli.drivers.interface.token_estimate import estimate_request_tokens
from botticelli.errors import DriverError, DriverTransient, DriverUnknown, InvalidInput
from botticelli.monitoring.budget_scopes import MULTIPLIERS
from botticelli.runtime.process import Runtime
from botticelli.spending.account import Account, Spender, draw_all
from botticelli.store import Settled

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


class Trial:
    """Performs one call: draws from the budget, calls the driver, settles."""

    def __init__(self, runtime: Runtime, call: Call) -> None:
        self._runtime = runtime
        self._call = call
        self._run_id = str(uuid.uuid4())
        ticket = Ticket(f"{self._run_id}:0:1", (), 0)
        spender = Spender(self._run_id, number=0, act=NAME, attempt=1, narrative=NARRATIVE)
        self._account = Account(runtime.budget, ticket, call, spender, runtime.scopes.in_force)

    def perform(self, driver: Driver, request: GenerateRequest) -> tuple[GenerateResponse, float] | Refusal:
        """Return the response and its duration in seconds, or the refusal of the budget. DriverError as `generate`."""
        drawn = self._runtime.scopes.paused(self._call.scopes) or self._draw()
        if isinstance(drawn, Refusal):
            return drawn
        try:
            return self._generate(drawn, driver, request)
        finally:
            self._account.release()

    def _draw(self) -> Draw | Refusal:
        [drawn] = draw_all(self._runtime.budget, [self._account.request(self._run_id)])
        return drawn

    def _generate(self, draw: Draw, driver: Driver, request: GenerateRequest) -> tuple[GenerateResponse, float]:
        with self._runtime.store.transaction() as tx:
            tx.ledger.draw(self._account.entry(draw))
        began = time.monotonic()
        try:
            response = checked_response(request, driver.generate(request))
        except DriverError as error:
            self._write(self._account.settle_failure(draw, error))
            if isinstance(error, DriverTransient) and error.retry_after_seconds is not None:
                self._runtime.budget.block_until(self._call.scope, round(error.retry_after_seconds * 1000))
            raise
        except BaseException:
            self._write(self._account.settle_failure(draw, DriverUnknown("the call was interrupted")))
            raise
        seconds = time.monotonic() - began
        self._write(self._account.settle(draw, response).charge.row)
        return response, seconds

    def _write(self, settled: Settled) -> None:
        with self._runtime.store.transaction() as tx:
            tx.ledger.settle_all([settled])


def _call(runtime: Runtime, model: ModelName, request: GenerateRequest) -> Call:
    """Plan the call in the scopes of the model and of its provider's spend limits."""
    budget = runtime.scopes.model_budget(model)
    multipliers = runtime.settings.budget.model_dump(include=MULTIPLIERS)
    account = (budget.account,) if budget.account else ()
    scopes = (*account, multiplied(budget.scope, multipliers))
    input_tokens = estimate_request_tokens(request)
    estimate = Estimate(input_tokens + MAX_OUTPUT_TOKENS, "prompt", input_tokens)
    return Call(model, scopes, 1, estimate, runtime.price(model), counts_cached=budget.counts_cached)


def _remedy(error: DriverError) -> str:
    if isinstance(error, DriverTransient):
        return "try again later; check the network, the proxy and base_url"
    return "check base_url, and whether the provider is up"
