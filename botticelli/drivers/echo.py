"""Answers offline without a model, always in the same way, and says that it is an echo. For demos and tests.

Its options (`[drivers.echo]`) reproduce every outcome that a real provider can have.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from botticelli.answer_schema.examples import example_of
from botticelli.drivers.interface.capabilities import OnText
from botticelli.drivers.interface.model_parameters import ModelParameters
from botticelli.drivers.interface.options import checked_options
from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, Media, MediaKind, Message, Usage
from botticelli.drivers.parameters.parameter_classes import accepted_parameters
from botticelli.errors import DriverTerminal, DriverTransient, DriverUnknown
from botticelli.settings import Provider
from botticelli.settings.seconds import Seconds

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
    """Options of the echo driver.

    `errors` is a script with one word for each call of this process in turn: `ok`, `hang`, a status such as `500`, or
    `429:2` with Retry-After in seconds. When the script ends, all calls are answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_seconds: Seconds = Field(default=0, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    error_rate: float = Field(default=0, ge=0, le=1)
    errors: tuple[str, ...] = ()
    timeout_seconds: Seconds = Field(default=60, gt=0)

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
    """Answers with the beginning of the prompt and counts four characters as one token."""

    name = "echo"

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = checked_options(EchoOptions, self.name, options)
        self._calls = count()

    @property
    def typical_call_seconds(self) -> float:
        """Seconds that one call takes; plans use it."""
        return self._options.latency_seconds

    def claims(self, model: str) -> bool:
        return model == "echo" or model.startswith("echo-")

    def rate_limits(self) -> Provider:
        return Provider()

    def parameters(self, model: str) -> ModelParameters:
        return accepted_parameters(model, self.name) or ModelParameters()

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return ANY_MEDIA

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        return ANY_MEDIA

    def stream(self, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        """Pass the words of the answer to `on_text` one by one."""
        response = self.generate(request)
        for word in WORDS.findall(response.text):
            on_text(word)
        return response

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        call = next(self._calls)
        self._misbehave(self._script(call, request))
        _wait(self._options.latency_seconds)
        prompt = request.messages[-1] if request.messages else Message("user", "")
        text = self._typed(request) or self._answer(prompt, as_json=request.json)
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
        message = f"the echo driver is configured to answer {status}"
        if status == "429" or status.startswith("5") or status == "408":
            wait_seconds = float(seconds) if seconds else None
            limited = status == "429"
            raise DriverTransient(message, where="echo", retry_after_seconds=wait_seconds, limited=limited)
        raise DriverTerminal(message, where="echo", do="change `errors` in [drivers.echo]")

    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        return True

    def _typed(self, request: GenerateRequest) -> str | None:
        """Return a value of the schema of a typed answer, always the same one."""
        if not request.json or not request.json_schema:
            return None
        return json.dumps(example_of(dict(request.json_schema)), ensure_ascii=False)

    def _answer(self, prompt: Message, *, as_json: bool) -> str:
        """Return the text of the answer.

        Plain text; when JSON is requested, the example that the prompt shows in a code fence, so that a rehearsal
        returns what a model would. Long prompts are cut, so that a long history stays readable.
        """
        if as_json:
            example = EXAMPLE.search(prompt.text)
            return example[1] if example else '{"echo": "no model was called"}'
        start = " ".join(prompt.text[: 2 * PROMPT_CHARACTERS].split())[:PROMPT_CHARACTERS]
        seen = "".join(f" [{_describe(media)}]" for media in prompt.media)
        return f"[echo: no model was called]{seen} {start}"

    def _usage(self, request: GenerateRequest, text: str) -> Usage:
        """Return the usage of the answer.

        Uses the configured `output_tokens`; else the tokens that the narrative expects, so that a rehearsal spends the
        budget as the real run would; else an estimate from the text.
        """
        written = sum(len(message.text) for message in request.messages) + len(request.system or "")
        input_tokens = -(-written // CHARACTERS_PER_TOKEN)
        if self._options.output_tokens is not None:
            return Usage(input_tokens, self._options.output_tokens)
        if request.expected_tokens is not None:
            input_tokens = min(input_tokens, request.expected_tokens)
            return Usage(input_tokens, request.expected_tokens - input_tokens)
        return Usage(input_tokens, -(-len(text) // CHARACTERS_PER_TOKEN))


def _describe(media: Media) -> str:
    """Describe a medium, such as `image image/png, 1,234 bytes`."""
    if media.data is None:
        return f"{media.kind} {media.mime} by url"
    return f"{media.kind} {media.mime}, {len(media.data):,} bytes"


def _fraction(text: str) -> float:
    """Map a text to a number from 0 to 1, always the same one for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def _wait(seconds: float) -> None:
    if seconds:
        threading.Event().wait(seconds)
