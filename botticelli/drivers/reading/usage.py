"""Decides which of a provider's token counts are plausible, and estimates the others. Calls no provider.

docs/reference/budget.md states the rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.interface.token_estimate import estimate_request_tokens, estimate_tokens

MAX_COUNT = 100_000_000
"""Largest plausible count: no call has more tokens."""
LEAST_PART = 5
"""Divisor of the estimate that gives a text's fewest plausible tokens: the estimate is at most 2.6 times the real
count."""
MAX_TOKENS_PER_CHARACTER = 2
FIELDS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cache_write_tokens",
    "cache_write_long_tokens",
)

_RUN = re.compile(r"(.)\1{7,}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a provider, field by field; None for a field without a valid count.

    As in `Usage`: `input_tokens` includes those read from and written to a cache. `oddity` shows the first invalid field.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_long_tokens: int | None = None
    oddity: str = ""

    def __bool__(self) -> bool:
        return self != NOTHING

    def largest(self, other: Counts) -> Counts:
        """Take the larger count of each field: streams repeat their usage as it grows."""
        fields = {name: _larger(getattr(self, name), getattr(other, name)) for name in FIELDS}
        return Counts(**fields, oddity=self.oddity or other.oddity)


NOTHING = Counts()


@dataclass(frozen=True, slots=True)
class CheckedUsage:
    """The usage that is settled. `doubts` say in one line each which count was rejected."""

    usage: Usage
    doubts: tuple[str, ...] = ()


class CountReader:
    """Reads counts from one usage object of any shape; remembers the first invalid value."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw if isinstance(raw, Mapping) else {}
        self.oddity = "" if raw is None or isinstance(raw, Mapping) else f"usage = {_shown(raw)}"

    def count(self, *paths: str) -> int | None:
        """Return the first of these fields that is present; `a.b` is the field b of the object a."""
        for path in paths:
            value = self._at(path)
            if value is not None:
                number = as_count(value)
                if number is None or number != value:
                    self.oddity = self.oddity or f"{path} = {_shown(value)}"
                return number
        return None

    def _at(self, path: str) -> Any:
        value: Any = self._raw
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def as_count(value: Any) -> int | None:
    """Return a whole number of tokens, also from a text, fractions rounded up; None for an invalid value."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or not 0 <= value <= MAX_COUNT:
        return None
    return math.ceil(value)


def check_usage(request: GenerateRequest, text: str, counts: Counts) -> CheckedUsage:
    """Return the counts when they are plausible for this request and all the generated `text`; else an estimate."""
    counts = _completed(counts)
    doubts = [f"{counts.oddity} is not a token count"] if counts.oddity else []
    input_tokens, output_tokens = counts.input_tokens, counts.output_tokens
    if input_tokens is None or _is_too_few(input_tokens, _prompt_of(request)):
        doubts += [] if input_tokens is None else [f"{input_tokens} input tokens are too few for the prompt"]
        input_tokens = max(input_tokens or 0, estimate_request_tokens(request))
    reasoning_tokens = counts.reasoning_tokens or 0
    rest_tokens = (counts.total_tokens or 0) - input_tokens if output_tokens is None else 0
    if output_tokens is None or _is_too_few(output_tokens, text):
        doubts += [] if output_tokens is None else [f"{output_tokens} output tokens are too few for the text"]
        output_tokens = max(output_tokens or 0, rest_tokens, _estimated_output(text) + reasoning_tokens)
    elif reasoning_tokens > output_tokens:
        doubts += [f"{reasoning_tokens} reasoning tokens are more than all {output_tokens} output tokens"]
        output_tokens += reasoning_tokens
    usage = Usage(input_tokens, output_tokens, *_cache_tokens(counts, input_tokens, reasoning_tokens))
    said_too_little = counts.input_tokens is None or counts.output_tokens is None
    return CheckedUsage(usage, _warnings(doubts, usage, said_too_little))


def with_checked_usage(request: GenerateRequest, response: GenerateResponse) -> GenerateResponse:
    """Return the response of a driver that did not check its own counts, with plausible counts."""
    if response.usage_doubtful is not None:
        return response
    raw: dict[str, Any] = {name: getattr(response.usage, name, None) for name in FIELDS if name != "total_tokens"}
    reader = CountReader(raw)
    read: dict[str, Any] = {name: reader.count(name) for name in raw}
    checked = check_usage(request, response.text, Counts(**read | {"oddity": reader.oddity}))
    warnings = (*response.warnings, *checked.doubts)
    return replace(response, usage=checked.usage, usage_doubtful=bool(checked.doubts), warnings=warnings)


def _cache_tokens(counts: Counts, input_tokens: int, reasoning_tokens: int) -> tuple[int, int, int, int]:
    """Return the last four fields of `Usage`: no part is larger than its whole."""
    cached = min(counts.cached_tokens or 0, input_tokens)
    long = counts.cache_write_long_tokens or 0
    written = min(max(counts.cache_write_tokens or 0, long), input_tokens - cached)
    return cached, reasoning_tokens, written, min(long, written)


def _completed(counts: Counts) -> Counts:
    """Complete the counts from the total.

    A missing part is the rest of the total; a rest that neither part contains belongs to the output.
    """
    total, input_tokens, output_tokens = counts.total_tokens, counts.input_tokens, counts.output_tokens
    if total is None:
        return counts
    if input_tokens is not None:
        rest = total - input_tokens
        if rest > (output_tokens or 0):
            return replace(counts, output_tokens=rest)
    elif output_tokens is not None and total > output_tokens:
        return replace(counts, input_tokens=total - output_tokens)
    return counts


def _warnings(doubts: list[str], usage: Usage, said_too_little: bool) -> tuple[str, ...]:
    if said_too_little and not doubts:
        return (f"the provider didn't say what the call used; it is estimated at {usage.total_tokens} tokens",)
    if doubts:
        return (f"the provider's usage can't be true ({'; '.join(doubts)}); using {usage.total_tokens} tokens",)
    return ()


def _is_too_few(said_tokens: int, text: str) -> bool:
    """Whether no tokenizer produces so few tokens for this text."""
    if said_tokens == 0:
        return bool(text.strip())
    most = said_tokens * LEAST_PART
    per_character = 1 if text.isascii() else MAX_TOKENS_PER_CHARACTER
    if most >= len(text) * per_character or most >= estimate_tokens(text):
        return False
    return most < estimate_tokens(_RUN.sub(r"\1", text))


def _prompt_of(request: GenerateRequest) -> str:
    """Return the text of the prompt; media estimates are too rough to reject a count."""
    return "".join([request.system or "", *(message.text for message in request.messages)])


def _estimated_output(text: str) -> int:
    return max(1, estimate_tokens(text)) if text else 0


def _larger(first: int | None, second: int | None) -> int | None:
    return max((count for count in (first, second) if count is not None), default=None)


def _shown(value: Any) -> str:
    text = " ".join(repr(value)[:200].split())
    return text if len(text) <= 40 else text[:39] + "…"
