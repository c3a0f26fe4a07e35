"""How many tokens one call is drawn with, now that its text is known. Decides nothing about the ticket."""

from __future__ import annotations

from dataclasses import replace

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import CountsTokens, Driver, GenerateRequest
from botticelli.drivers.interface.token_estimate import estimate_request_tokens


def sized(call: Call, request: GenerateRequest, driver: Driver) -> Call:
    """Size a call by the best count of its input.

    The call with the provider's own count of its input, where the driver was told to ask for it; else, where only the
    prompt's literal text was known at enqueue, with what references, history and media have made of it, if that is
    more.
    """
    estimate = call.estimate
    counted = driver.count_tokens(request) if isinstance(driver, CountsTokens) else None
    if counted is None:
        if estimate.source != "prompt":
            return call
        counted = max(estimate.input_tokens, estimate_request_tokens(request))
    tokens = counted + estimate.output_tokens
    return replace(call, estimate=replace(estimate, tokens=tokens, input_tokens=counted))
