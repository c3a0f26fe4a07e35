"""The driver without a model: answers offline, always in the same way, and says that it is an echo. For demos and tests.

Its knobs (`[drivers.echo]`) drive every path that a real provider can take.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from botticelli.drivers.interface.capabilities import OnText
from botticelli.drivers.interface.options import checked_options
from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, Media, MediaKind, Message, Usage
from botticelli.errors import DriverTerminal, DriverTransient, DriverUnknown
from botticelli.settings import Provider

WORD = re.compile(r"ok|hang|[1-5]\d\d(:\d+(\.\d+)?)?")
WORDS = re.compile(r"\S*\s*")
ANY_MEDIA: frozenset[MediaKind] = frozenset(("image", "audio", "video", "document"))
EXAMPLE = re.compile(r"```json\n(.*?)\n\s*```", re.DOTALL)
OK = "ok"
HANG = "hang"
FREE = Decimal(0)
CHARACTERS_PER_TOKEN = 4
PROMPT_CHARACTERS = 160


class EchoOptions(BaseModel):
    """The options of the echo driver.

    `errors` is a script, a word for each call of this process in turn: `ok`, `hang`, a status such as `500`, or `429:2`
    with Retry-After in seconds. After its end all calls are answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_seconds: float = Field(default=0, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    error_rate: float = Field(default=0, ge=0, le=1)
    errors: tuple[str, ...] = ()
    timeout_seconds: float = Field(default=60, gt=0)

    @field_validator("errors", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return tuple(str(word) for word in value) if isinstance(value, list | tuple) else value

    @field_validator("errors")
    @classmethod
    def _known(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if not WORD.fullmatch(word):
                raise ValueError(f"{word!r} is not ok, hang, a status such as 500, or 429:SECONDS")
        return words


class EchoDriver:
    """Answers with the beginning of the prompt, and counts four characters as a token."""

    name = "echo"

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = checked_options(EchoOptions, self.name, options)
        self._calls = count()

    @property
    def typical_call_seconds(self) -> float:
        """For plans."""
        return self._options.latency_seconds

    def claims(self, model: str) -> bool:
        return model == "echo" or model.startswith("echo-")

    def rate_limits(self) -> Provider:
        return Provider()

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return ANY_MEDIA

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        return ANY_MEDIA

    def stream(self, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        """The words of the answer, one after the other."""
        response = self.generate(request)
        for word in WORDS.findall(response.text):
            on_text(word)
        return response

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        call = next(self._calls)
        self._misbehave(self._script(call, request))
        _wait(self._options.latency_seconds)
        text = self._answer(request.messages[-1] if request.messages else Message("user", ""), as_json=request.json)
        usage = self._usage(request, text)
        return GenerateResponse(text=text, usage=usage, cost_usd=FREE, usage_doubtful=False)

    def _script(self, call: int, request: GenerateRequest) -> str:
        if call < len(self._options.errors):
            return self._options.errors[call]
        if self._options.error_rate and _fraction(f"{call}:{request.messages}") < self._options.error_rate:
            return "500"
        return OK

    def _misbehave(self, word: str) -> None:
        if word == OK:
            return
        if word == HANG:
            _wait(self._options.timeout_seconds)
            raise DriverUnknown(f"no answer within {self._options.timeout_seconds:g} s", where="echo")
        status, _, seconds = word.partition(":")
        message = f"the echo driver was told to answer {status}"
        if status == "429" or status.startswith("5") or status == "408":
            wait_seconds = float(seconds) if seconds else None
            limited = status == "429"
            raise DriverTransient(message, where="echo", retry_after_seconds=wait_seconds, limited=limited)
        raise DriverTerminal(message, where="echo", do="change `errors` in [drivers.echo]")

    def _answer(self, asked: Message, *, as_json: bool) -> str:
        """Return the text of the answer.

        Plain text; where JSON is asked for, the example that the prompt gives in a code fence, so that a rehearsal
        brings what a model would. Short, so that a long history stays readable.
        """
        if as_json:
            example = EXAMPLE.search(asked.text)
            return example[1] if example else '{"echo": "no model was called"}'
        start = " ".join(asked.text[: 2 * PROMPT_CHARACTERS].split())[:PROMPT_CHARACTERS]
        seen = "".join(f" [{_said(one)}]" for one in asked.media)
        return f"[echo: no model was called]{seen} {start}"

    def _usage(self, request: GenerateRequest, text: str) -> Usage:
        """Return the usage of the answer.

        What was set; else what the narrative expects, so that a rehearsal uses the budget as the real run would; else
        what the text is worth.
        """
        written = sum(len(message.text) for message in request.messages) + len(request.system or "")
        input_tokens = -(-written // CHARACTERS_PER_TOKEN)
        if self._options.output_tokens is not None:
            return Usage(input_tokens, self._options.output_tokens)
        if request.expected_tokens is not None:
            input_tokens = min(input_tokens, request.expected_tokens)
            return Usage(input_tokens, request.expected_tokens - input_tokens)
        return Usage(input_tokens, -(-len(text) // CHARACTERS_PER_TOKEN))


def _said(one: Media) -> str:
    """`image image/png, 1,234 bytes`."""
    if one.data is None:
        return f"{one.kind} {one.mime} by url"
    return f"{one.kind} {one.mime}, {len(one.data):,} bytes"


def _fraction(text: str) -> float:
    """The same text gives the same number between 0 and 1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def _wait(seconds: float) -> None:
    if seconds:
        threading.Event().wait(seconds)
