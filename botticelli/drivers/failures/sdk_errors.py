"""What an SDK raised, as one of our three errors: may pass, will not pass, nobody knows. Keeps no object of an SDK.

Sources: the providers' pages on errors and on rate limits (docs/reference/driver.md names them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers.failures.provider_waits import asked_seconds
from botticelli.drivers.failures.verdicts import PASSES, SAME_EVERYWHERE, Verdict, judge_error, remedy
from botticelli.drivers.reading.bodies import Failure
from botticelli.drivers.reading.error_bodies import in_words, read_error_body
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.telemetry.masking import masked, remember

LONGEST_MESSAGE = 300
NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError")
SOFT_TIME_LIMIT = "SoftTimeLimitExceeded"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is an error. `message` is the provider's own, `body` its JSON or None."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


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
        reason = _unreadable(error) or f"the answer can't be read ({type(error).__name__})"
        return DriverUnknown(reason, where=self.where)

    def of_answer(self, answer: Answer) -> DriverError:
        what = f"{answer.status}: {self._plain(answer.message)}" if answer.message else f"status {answer.status}"
        verdict = judge_error(answer)
        if verdict in PASSES:
            wait_seconds = asked_seconds(answer.headers, answer.body)
            limited = verdict is Verdict.LIMITED
            return DriverTransient(what, where=self.where, retry_after_seconds=wait_seconds, limited=limited)
        elsewhere = verdict not in SAME_EVERYWHERE
        return DriverTerminal(what, where=self.where, do=remedy(verdict, self.key_name), elsewhere=elsewhere)

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
    """Find Celery's soft time limit behind an error.

    Celery's soft time limit, if that is what ended the call: raised in the middle of the SDK's code, it may have been
    caught there and told as something else.
    """
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


def _unreadable(error: BaseException | None) -> str:
    """Why the body of an answer could not be unpacked, where that is what happened."""
    import httpx2

    while error is not None and not isinstance(error, httpx2.DecodingError):
        error = error.__cause__ or error.__context__
    return str(error or "")


def _answer(error: Exception) -> Answer | None:
    """What all three SDKs keep of an answer: the response of httpx2, and the body that they read from it."""
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
    """Empty for a body that was not read, or that can't be decoded."""
    try:
        return bytes(response.read())
    except Exception:
        return b""
