"""Checks the response of any driver before use: texts must be storable and counts plausible. Never raises."""

from __future__ import annotations

import logging
from dataclasses import replace

from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.reading.usage import NOTHING, check_usage, with_checked_usage
from botticelli.telemetry.log import log
from botticelli.untrusted.storable import storable


def checked_response(request: GenerateRequest, response: GenerateResponse) -> GenerateResponse:
    """Return the response as it is stored and sent on. The answer is paid for: text that can't be checked stays."""
    try:
        return with_checked_usage(request, _cleaned(response))
    except Exception as error:
        log("response_unreadable", level=logging.ERROR, error=type(error).__name__)
        return _salvaged(request, response)


def _cleaned(response: GenerateResponse) -> GenerateResponse:
    return replace(
        response,
        text=storable(response.text),
        reasoning=storable(response.reasoning),
        finish_reason=storable(response.finish_reason),
        service=storable(response.service),
        warnings=tuple(map(storable, response.warnings)),
    )


def _salvaged(request: GenerateRequest, response: GenerateResponse) -> GenerateResponse:
    text = response.text if isinstance(response.text, str) else ""
    try:
        usage = check_usage(request, text, NOTHING).usage
    except Exception:
        usage = Usage(1, max(1, len(text)))
    warning = "the driver's response can't be read in full; its usage is an estimate"
    finish = response.finish_reason if isinstance(response.finish_reason, str) else "stop"
    return GenerateResponse(
        text=storable(text), usage=usage, finish_reason=storable(finish), warnings=(warning,), usage_doubtful=True
    )
