"""What an SDK raised, as one of our three errors: may pass, will not pass, nobody knows. Keeps no object of an SDK.

Sources: the providers' pages on errors and on rate limits (docs/reference/driver.md names them).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers.reading.bodies import Failure
from botticelli.drivers.reading.error_bodies import read_error_body
from botticelli.drivers.waits import asked_seconds
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.masking import masked, remember

LONGEST_MESSAGE = 300
TOO_MANY = 429
PASSING = (408, 409, 425, TOO_MANY)
NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError")
MONEY = (
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "credit balance is too low",
    "check your plan and billing",
    "billing_error",
)
"""Codes and phrases of answers that only money or a higher limit of spending changes, whatever their status."""
TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "prompt is too long",
    "exceeds the maximum number of tokens",
    "exceeds the available context size",  # llama.cpp
)
REFUSED = ("content_filter", "content_policy_violation", "content management policy")
SOFT_TIME_LIMIT = "SoftTimeLimitExceeded"
BAD_KEY = ("api_key_invalid", "api key not valid", "invalid_api_key")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is an error. `message` is the provider's own, `body` its JSON or None."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def says(self, phrases: tuple[str, ...]) -> bool:
        text = f"{self.message} {json.dumps(self.body, default=str)}".lower()
        return any(phrase in text for phrase in phrases)


@dataclass(frozen=True, slots=True)
class Translator:
    """Of one driver. `key_name` is the variable that a wrong key is in; `secret` must appear nowhere."""

    where: str
    key_name: str
    secret: str

    def translate(self, error: Exception) -> DriverError:
        transport = _transport(error)
        if transport is not None:
            return self._lost(transport)
        answer = _answer(error)
        if answer is not None:
            return self.of_answer(answer)
        return DriverUnknown(f"the answer can't be read ({type(error).__name__})", where=self.where)

    def of_answer(self, answer: Answer) -> DriverError:
        what = f"{answer.status}: {self._plain(answer.message)}" if answer.message else f"status {answer.status}"
        if answer.says(MONEY) or answer.status == 402:
            do = "look at the account's plan, billing and spending limits"
            return DriverTerminal(what, where=self.where, do=do, elsewhere=True)
        advice = answer.headers.get("x-should-retry")
        passes = answer.status in PASSING or answer.status >= 500 or answer.status == 200
        if advice == "true" or (passes and advice != "false"):
            return DriverTransient(
                what, where=self.where, retry_after_seconds=asked_seconds(answer.headers, answer.body)
            )
        elsewhere = answer.status in (401, 403, 404, 413) or answer.says((*BAD_KEY, *TOO_LONG))
        return DriverTerminal(what, where=self.where, do=self._remedy(answer), elsewhere=elsewhere)

    def of_failure(self, failure: Failure, headers: Mapping[str, str]) -> DriverError:
        """An answer with status 200 that is none. What was begun is charged; what broke off may have been served."""
        error = failure.error
        if failure.kind == "broken":
            return DriverUnknown(self._plain(error.message), where=self.where)
        lower = {name.lower(): value for name, value in headers.items()}
        told = self.of_answer(Answer(error.status or 200, error.message, lower, error.body))
        if failure.usage is not None:
            told.served_tokens = failure.usage.input_tokens, failure.usage.output_tokens
        return told

    def not_sent(self, error: Exception) -> DriverError:
        """The SDK could not even build the request."""
        told = DriverTerminal(
            f"the request can't be sent ({type(error).__name__})", where=self.where, do="look at what the act sends"
        )
        told.was_sent = False
        return told

    def _remedy(self, answer: Answer) -> str:
        if answer.status in (401, 403) or answer.says(BAD_KEY):
            return f"check the key in {self.key_name} and what it may be used for"
        if answer.says(TOO_LONG) or answer.status == 413:
            return "shorten the prompt or the history (history = false), or choose a model with a larger context"
        if answer.says(REFUSED):
            return "the provider refused the content; change the prompt"
        if answer.status == 404:
            return "check the model's name, base_url and what the key may use"
        return "change what the narrative asks for"

    def _lost(self, transport: Exception) -> DriverError:
        kind = type(transport).__name__
        if kind in NOT_SENT:
            error = DriverTransient(f"the server can't be reached ({kind})", where=self.where)
            error.was_sent = False
            return error
        if kind.endswith("Timeout"):
            return DriverUnknown(f"no answer in time ({kind})", where=self.where, do="timeout_seconds can be raised")
        return DriverUnknown(f"the connection was lost after the request was sent ({kind})", where=self.where)

    def _plain(self, message: str) -> str:
        """One line of the provider's words, without the key."""
        remember(self.secret)
        line = masked(" ".join(message.split()))
        return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def time_limit_in(error: BaseException | None) -> BaseException | None:
    """Celery's soft time limit, if that is what ended the call: raised in the middle of the SDK's code, it may have been
    caught there and told as something else."""
    while error is not None and type(error).__name__ != SOFT_TIME_LIMIT:
        error = error.__cause__ or error.__context__
    return error


def _transport(error: BaseException | None) -> Exception | None:
    """The transport's own error, where that is what happened, and not an answer."""
    import httpx2

    while error is not None and getattr(error, "response", None) is None:
        if isinstance(error, httpx2.TransportError):
            return error
        error = error.__cause__
    return None


def _answer(error: Exception) -> Answer | None:
    """What all three SDKs keep of an answer: the response of httpx2, and the body that they read from it."""
    response = getattr(error, "response", None)
    body = getattr(error, "details", None) or getattr(error, "body", None)
    if response is None and not isinstance(body, Mapping | list):
        return None
    read = read_error_body(_content(response) or body)
    status = getattr(response, "status_code", None) or read.status or 500
    headers = {name.lower(): value for name, value in getattr(response, "headers", {}).items()}
    return Answer(int(status), read.message or str(getattr(error, "message", "") or ""), headers, read.body)


def _content(response: Any) -> bytes:
    """Empty for a body that was not read, or that can't be decoded."""
    try:
        return bytes(response.read())
    except Exception:
        return b""
