"""The kinds of odd answers, each with what has to come of it: in the ledger, and in the act's row. Serves nothing."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

from botticelli.testing.providers import RawAnswer
from tests.chaos.storm.speech import STREAM_TYPE, Reply, Speech

Outcome = Literal["kept", "failed", "retried", "unknown", "final"]
"""A good answer; one that is paid and can't be used; a try that failed; one of which nobody knows; an error that stays."""
DROPPED = "drop"
GOOGLE = "type.googleapis.com/google.rpc."
ADVICE = "You exceeded your current quota, please check your plan and billing details."


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the chance that decides what it is answered with."""

    speech: Speech
    wire: str
    prompt: str
    serial: int
    is_json: bool
    streams: bool
    chance: random.Random

    @property
    def text(self) -> str:
        """A good answer that no other request gets."""
        return (
            f'{{"number": {self.serial}, "tea": "green"}}' if self.is_json else f"Answer {self.serial}: tea is green."
        )

    def reply(self, text: str | None = None, written: str = "", **fields: Any) -> tuple[Reply, tuple[int, int]]:
        """An answer that says what it took, and that. `written` is what was generated beside the text."""
        text = self.text if text is None else text
        input_tokens = math.ceil(len(self.prompt) / 4) + self.chance.randrange(40)
        output_tokens = math.ceil(len(text + written) / 4) + 1 + self.chance.randrange(40)
        reply = Reply(text, usage=self.speech.usage(input_tokens, output_tokens), **fields)
        return reply, (input_tokens, output_tokens)

    def raw(self, reply: Reply) -> RawAnswer:
        return self.speech.answer(reply, streams=self.streams)


@dataclass(frozen=True, slots=True)
class Served:
    """An answer and what is right for it.

    `usage` to the token, None where nothing that can be true was said; the `texts` of which one is in the act's row.
    """

    answer: RawAnswer | str
    outcome: Outcome
    usage: tuple[int, int] | None = (0, 0)
    texts: tuple[str, ...] = ()


def good(request: Request) -> Served:
    reply, usage = request.reply(finish=request.chance.choice(("stop", "stop", "length")))
    return Served(request.raw(reply), "kept", usage, (reply.text,))


def slow(request: Request) -> Served:
    served = good(request)
    assert isinstance(served.answer, RawAnswer)
    return replace(served, answer=replace(served.answer, delay_seconds=request.chance.uniform(0.1, 1.0)))


def in_parts(request: Request) -> Served:
    reply, usage = request.reply(thinking="Let me see.", written="Let me see.")
    return Served(request.raw(reply), "kept", usage, (reply.text,))


def thinking_in_text(request: Request) -> Served:
    tag = request.chance.choice(("think", "thinking"))
    reply, usage = request.reply(f"<{tag}>\nThe user asks.\n</{tag}>\n\n{request.text}")
    return Served(request.raw(reply), "kept", usage, (request.text,))


def zero_usage(request: Request) -> Served:
    reply, _ = request.reply()
    return Served(request.raw(replace(reply, usage=request.speech.usage(0, 0))), "kept", None, (reply.text,))


def odd_usage(request: Request) -> Served:
    reply, (input_tokens, output_tokens) = request.reply()
    if request.chance.random() < 0.3:
        fractions = request.speech.usage(input_tokens - 0.5, output_tokens - 0.25)
        answer = request.raw(replace(reply, usage=fractions))
        return Served(answer, "kept", (input_tokens, output_tokens), (reply.text,))
    odd = [request.speech.usage(*pair) for pair in ((-5, -20), ("11", True), (1e30, 10**20), (math.nan, math.inf))]
    usage = request.chance.choice([*odd, [1, 2], "many", None, {}])
    return Served(request.raw(replace(reply, usage=usage)), "kept", None, (reply.text,))


def rest_in_total(request: Request) -> Served:
    reply, (input_tokens, output_tokens) = request.reply()
    usage = request.speech.usage_with_rest(input_tokens, output_tokens + 100)
    return Served(request.raw(replace(reply, usage=usage)), "kept", (input_tokens, output_tokens + 100), (reply.text,))


def prose(request: Request) -> Served:
    reply, usage = request.reply(f"I cannot produce JSON {request.serial}: the text {{is}} missing: sorry.")
    return Served(request.raw(reply), "failed" if request.is_json else "kept", usage, (reply.text,))


def huge_number(request: Request) -> Served:
    reply, usage = request.reply(
        f'{{"number": {request.serial}, "a": {request.chance.choice(("1e400", "-1e999", "NaN"))}}}'
    )
    nulled = f'{{"number": {request.serial}, "a": null}}'
    return Served(request.raw(reply), "kept", usage, (nulled if request.is_json else reply.text,))


def halves(request: Request) -> Served:
    """Half a character, and NUL: as they are, or as JSON writes them."""
    if request.chance.random() < 0.5:
        text = f'{{"number": {request.serial}, "a": "\\ud83d\\u0000"}}'
        replaced = json.dumps({"number": request.serial, "a": "\ufffd\ufffd"}, ensure_ascii=False)
    else:
        text = f'{{"number": {request.serial}, "a": "\ud83d\0"}}'
        replaced = text.replace("\ud83d", "\ufffd").replace("\0", "\ufffd")
    reply, usage = request.reply(text)
    return Served(request.raw(reply), "kept", usage, (text, replaced))


def ended_by_error(request: Request) -> Served:
    word = request.chance.choice(("error", "network_error", "abort"))
    reply, usage = request.reply("Half of a", finish=word)
    return Served(request.raw(reply), "retried", usage)


def error_after_text(request: Request) -> Served:
    """Streams of OpenAI say what was used at their end, which such a stream doesn't reach."""
    error = {"message": "Server disconnected", "code": request.chance.choice((502, 503, "529")), "type": "api_error"}
    reply, usage = request.reply("Hello, my dear", finish=None, error=error)
    unsaid = request.chance.random() < 0.5
    return Served(request.raw(replace(reply, usage=None) if unsaid else reply), "retried", None if unsaid else usage)


def broken_off(request: Request) -> Served:
    """The body ends too early, cleanly."""
    reply, _ = request.reply(finish=None, text="Half of a")
    raw = request.raw(reply)
    body = b"".join(raw.body.partition(b"[DONE]")[:1]).removesuffix(b"data: ")
    return Served(replace(raw, body=body if request.streams else raw.body[:-9]), "unknown", None)


def dropped(request: Request) -> Served:
    """Before the answer or within its body."""
    if request.chance.random() < 0.5:
        return Served(DROPPED, "unknown", None)
    reply, _ = request.reply()
    raw = request.raw(reply)
    return Served(replace(raw, cut_at=request.chance.randrange(len(raw.body) // 2)), "unknown", None)


def closed(request: Request) -> Served:
    """A good answer, after which the connection ends."""
    served = good(request)
    assert isinstance(served.answer, RawAnswer)
    raw = replace(served.answer, cut_at=len(served.answer.body), headers={"connection": "close"})
    return replace(served, answer=raw)


def quota(request: Request) -> Served:
    """As Google says it, on its own wire and in a list on that of OpenAI; the advice about billing is in each."""
    violations = [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]
    details = [
        {"@type": f"{GOOGLE}QuotaFailure", "violations": request.chance.choice((violations, violations, 5, [None]))},
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": request.chance.choice(("0.1s", "0s", "0.350000000s"))},
    ]
    body = {"error": {"code": 429, "message": ADVICE, "status": "RESOURCE_EXHAUSTED", "details": details}}
    return Served(_error(429, [body] if request.chance.random() < 0.5 else body), "retried")


def limited(request: Request) -> Served:
    now = datetime.now(UTC)
    headers = request.chance.choice(
        (
            {"retry-after": "0"},
            {"retry-after": "0.2"},
            {"retry-after": "-3"},
            {"retry-after-ms": "150"},
            {"retry-after": format_datetime(now + timedelta(seconds=1), usegmt=True)},
            {"retry-after": "0, 0.1"},
        )
    )
    return Served(_error(429, {"error": {"message": "Slow down.", "type": "rate_limit_error"}}, headers), "retried")


def resets(request: Request) -> Served:
    """When a limit is whole again, as a moment in several forms and as a duration."""
    at = time.time() + request.chance.uniform(0.1, 0.4)
    moments = (
        f"{math.ceil(at)}",
        f"{at * 1000:.0f}",
        f"{at:.3f}",
        datetime.fromtimestamp(at, UTC).isoformat(),
        "200ms",
    )
    name = "anthropic-ratelimit-requests-" if request.wire == "anthropic" else "x-ratelimit-requests-"
    headers = {f"{name}remaining": "0", f"{name}reset": request.chance.choice(moments)}
    return Served(_error(429, {"error": {"message": "Too many.", "type": "rate_limit_error"}}, headers), "retried")


def error_in_200(request: Request) -> Served:
    bodies: tuple[Any, ...] = (
        {"error": {"message": "Provider returned error", "code": 503}},
        {"error": {"code": "502"}},
        {"error": {"message": "Slow down.", "code": 429, "retry_after": 0.1}},
        [{"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}],
        {"error": "model is loading"},
        {"errors": [{"message": "first"}, "second"]},
        {"message": "no healthy upstream"},
        {"detail": [{"loc": ["body", "model"], "msg": "field required"}]},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Over\ud800loaded\0"}},
    )
    body = json.dumps(request.chance.choice(bodies)).encode()
    if request.streams and request.chance.random() < 0.7:
        return Served(RawAnswer(b"data: " + body + b"\n\n", STREAM_TYPE), "retried")
    return Served(RawAnswer(body), "retried")


def no_answer(request: Request) -> Served:
    """200 with what is none."""
    bodies = (
        (b"", "application/json"),
        (b"<!DOCTYPE html><title>Sign in to the network</title>", "text/html"),
        (b"upstream connect error or disconnect/reset before headers", "text/plain"),
        (b"null", "application/json"),
        (b'"busy"', "application/json"),
        (b'{"id": "x", "choices": null, "candidates": null, "content": null}', "application/json"),
        (b"\x1f\x8b\x08\x00\xff\x00", "application/octet-stream"),
    )
    return Served(RawAnswer(*request.chance.choice(bodies)), "retried")


def overloaded(request: Request) -> Served:
    status, headers, body = request.chance.choice(
        (
            (503, {"x-should-retry": "true"}, {"error": {"message": "Overloaded."}}),
            (503, {"retry-after": "0"}, {"error": {"message": "Overloaded."}}),
            (500, {}, [{"error": {"message": "Internal error."}}]),
            (529, {}, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}}),
            (502, {}, {}),
            (408, {}, {"detail": "too slow"}),
            (400, {"x-should-retry": "true"}, {"error": {"message": "Come again."}}),
        )
    )
    return Served(_error(status, body, headers), "retried")


def refused(request: Request) -> Served:
    """Errors that stay: the iteration fails."""
    status, headers, body = request.chance.choice(
        (
            (422, {}, {"detail": [{"loc": ["body", "max_tokens"], "msg": "field required"}]}),
            (400, {}, {"error": {"message": "A field is not permitted.", "type": "invalid_request_error"}}),
            (503, {"x-should-retry": "false"}, {"error": {"message": "Not here."}}),
            (400, {}, {"error": {"message": "The prompt is too long: 300000 tokens > 200000 maximum"}}),
        )
    )
    return Served(_error(status, body, headers), "final")


def odd_end(request: Request) -> Served:
    reply, usage = request.reply(
        finish=request.chance.choice(("tool_calls", "pause_turn", "gave_up", "content_filter"))
    )
    return Served(request.raw(reply), "failed", usage, (reply.text,))


def _error(status: int, body: Any, headers: dict[str, str] | None = None) -> RawAnswer:
    return RawAnswer(json.dumps(body).encode(), status=status, headers=headers or {})


Kind = Callable[[Request], Served]
PERCENT: dict[Kind, int] = {
    **dict.fromkeys((slow, in_parts, thinking_in_text, zero_usage, odd_usage, rest_in_total, prose), 5),
    **dict.fromkeys((huge_number, halves, ended_by_error, error_after_text, dropped, quota, limited), 5),
    **dict.fromkeys((resets, error_in_200, no_answer, overloaded), 5),
    **{broken_off: 2, closed: 3, refused: 1, odd_end: 1},
}
PERCENT[good] = 100 - sum(PERCENT.values())


TRIED_AGAIN = (
    ended_by_error,
    error_after_text,
    broken_off,
    dropped,
    quota,
    limited,
    resets,
    error_in_200,
    no_answer,
    overloaded,
)


def by_chance(chance: random.Random, *, patient: bool) -> Kind:
    """A kind; one after which a call is tried again only where the client is `patient`."""
    kind = chance.choices(list(PERCENT), list(PERCENT.values()))[0]
    return kind if patient or kind not in TRIED_AGAIN else good
