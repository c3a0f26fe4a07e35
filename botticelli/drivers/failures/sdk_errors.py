"""Turns what an SDK raised into one of our three errors: transient, terminal, outcome unknown. Keeps no SDK object.

Sources: the providers' pages on errors and on rate limits (docs/reference/driver.md names them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any

from botticelli.drivers.failures.error_details import collect_details
from botticelli.drivers.failures.provider_waits import requested_wait_seconds
from botticelli.drivers.failures.spend_caps import cap_ends
from botticelli.drivers.failures.verdicts import (
    PASSES,
    SAME_EVERYWHERE,
    Verdict,
    is_without_capacity,
    judge_error,
    remedy,
)
from botticelli.drivers.reading.bodies import Failure
from botticelli.drivers.reading.error_bodies import in_words, read_error_body
from botticelli.errors import DriverError, DriverSpendCap, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.telemetry.masking import masked, remember

LONGEST_MESSAGE = 300
NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError")
TOO_STEEP = frozenset(("ramp_limit_exceeded", "slow_down"))
"""Codes of Anthropic and OpenAI for a rate that rose too fast."""
SOFT_TIME_LIMIT = "SoftTimeLimitExceeded"


@dataclass(frozen=True, slots=True)
class Answer:
    """An error response. `message` is the provider's own text, `body` its JSON or None."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates the errors of one driver.

    `key_name` is the variable that holds the key; `secret` must appear in no message.
    """

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
        reason = _unreadable(error) or f"the answer can't be read ({type(error).__name__})"
        return DriverUnknown(reason, where=self.where)

    def of_answer(self, answer: Answer) -> DriverError:
        message = f"{answer.status}: {self._plain(answer.message)}" if answer.message else f"status {answer.status}"
        verdict = judge_error(answer)
        if verdict is Verdict.SPEND_CAP:
            details = collect_details(answer.body)
            until = cap_ends((answer.message, *details.messages), details.codes, datetime.now(UTC))
            return DriverSpendCap(message, where=self.where, do=remedy(verdict, self.key_name), until=until)
        if verdict in PASSES:
            wait_seconds = requested_wait_seconds(answer.headers, answer.body)
            limited = verdict is Verdict.LIMITED
            transient = DriverTransient(message, where=self.where, retry_after_seconds=wait_seconds, limited=limited)
            transient.no_capacity = is_without_capacity(answer)
            transient.too_steep = not TOO_STEEP.isdisjoint(collect_details(answer.body).codes)
            return transient
        elsewhere = verdict not in SAME_EVERYWHERE
        terminal = DriverTerminal(message, where=self.where, do=remedy(verdict, self.key_name), elsewhere=elsewhere)
        terminal.refused_key = verdict is Verdict.KEY
        return terminal

    def of_failure(self, failure: Failure, headers: Mapping[str, str]) -> DriverError:
        """Translate a failed answer with status 200.

        Tokens of an answer that began are charged; an answer that broke off may have been served.
        """
        error = failure.error
        if failure.kind == "broken":
            return DriverUnknown(self._plain(error.message), where=self.where)
        lower = {name.lower(): value for name, value in headers.items()}
        translated = self.of_answer(Answer(error.status or 200, error.message, lower, error.body))
        if failure.usage is not None:
            translated.served_tokens = astuple(failure.usage)
        return translated

    def not_sent(self, error: Exception) -> DriverError:
        """Return the error for a request that the SDK could not build."""
        unsent = DriverTerminal(
            f"the request can't be sent ({type(error).__name__})", where=self.where, do="check what the act sends"
        )
        unsent.was_sent = False
        return unsent

    def _lost(self, transport: Exception) -> DriverError:
        kind = type(transport).__name__
        if kind in NOT_SENT:
            error = DriverTransient(f"the server can't be reached ({kind})", where=self.where)
            error.was_sent = False
            return error
        if kind.endswith("Timeout"):
            return DriverUnknown(f"no answer in time ({kind})", where=self.where, do="raise timeout_seconds")
        return DriverUnknown(f"the connection was lost after the request was sent ({kind})", where=self.where)

    def _plain(self, message: str) -> str:
        """Return the provider's message on one line, without the key."""
        remember(self.secret)
        line = masked(" ".join(message.split()))
        return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def time_limit_in(error: BaseException | None) -> BaseException | None:
    """Find Celery's soft time limit behind an error.

    The limit is raised in the middle of the SDK's code, which may catch it and raise something else instead.
    """
    while error is not None and type(error).__name__ != SOFT_TIME_LIMIT:
        error = error.__cause__ or error.__context__
    return error


def _transport(error: BaseException | None) -> Exception | None:
    """Return the transport's own error, or None when the server answered."""
    import httpx2

    while error is not None and getattr(error, "response", None) is None:
        if isinstance(error, httpx2.TransportError):
            return error
        error = error.__cause__
    return None


def _unreadable(error: BaseException | None) -> str:
    """Return why the body of an answer could not be unpacked, or "" when that is not the cause."""
    import httpx2

    while error is not None and not isinstance(error, httpx2.DecodingError):
        error = error.__cause__ or error.__context__
    return str(error or "")


def _answer(error: Exception) -> Answer | None:
    """Read the response that all three SDKs attach to an error: httpx2's response and the body they parsed."""
    response = getattr(error, "response", None)
    body = getattr(error, "details", None) or getattr(error, "body", None)
    if response is None and not isinstance(body, Mapping | list):
        return None
    content = _content(response)
    read = read_error_body(content or body)
    status = getattr(response, "status_code", None) or read.status or 500
    headers = {name.lower(): value for name, value in getattr(response, "headers", {}).items()}
    sdks_own = str(getattr(error, "message", "") or "") if response is None else ""
    words = in_words(read) if content else read.message  # without content, `body` is the SDK's
    return Answer(int(status), words or sdks_own, headers, read.body)


def _content(response: Any) -> bytes:
    """Return the body; empty when it was not read or can't be decoded."""
    try:
        return bytes(response.read())
    except Exception:
        return b""
