"""Writes what a model is told about an answer that was not accepted. Reasons are data: they are never expanded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.interface.token_estimate import estimate_tokens
from botticelli.untrusted.storable import storable

MAX_REASON_CHARACTERS = 2000
_OPENING = "Your answer above was not accepted:"
_CLOSING = "Write it again, so that none of this holds any more. Answer with the new version only."


def feedback(reasons: Sequence[str]) -> str:
    """Return the message that follows a rejected answer: the reasons, one to a line."""
    lines = (f"- {reason[:MAX_REASON_CHARACTERS]}" for reason in reasons)
    text: str = storable("\n".join([_OPENING, *lines, "", _CLOSING]))
    return text


def with_feedback(request: GenerateRequest, answer: str, text: str) -> GenerateRequest:
    """Return the request with the rejected answer and the feedback at the end of its conversation."""
    return replace(request, messages=(*request.messages, Message("assistant", answer), Message("user", text)))


def feedback_tokens(answer: str, text: str) -> int:
    """Estimate the tokens that a rejected answer and its feedback add to a prompt."""
    return estimate_tokens(answer) + estimate_tokens(text)
