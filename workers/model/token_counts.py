"""Counts the tokens to draw for a call, now that its text is known."""

from __future__ import annotations

from dataclasses import replace

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import CountsTokens, Driver, GenerateRequest
from botticelli.drivers.interface.token_estimate import estimate_request_tokens


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
