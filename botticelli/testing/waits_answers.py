"""Tests how a driver classifies error answers of providers and proxies, and how long it waits.

`waits_answers.json` has the answers; `WaitsConformance` is the suite for drivers of any wire protocol.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from botticelli.drivers.failures.provider_waits import GEMINI_DAY, seconds_to_midnight
from botticelli.drivers.failures.verdicts import PASSES, SAME_EVERYWHERE, Verdict, remedy
from botticelli.errors import DriverError, DriverTerminal, DriverTransient

MOMENT = re.compile(r"@(unix|unix_ms|iso|iso_naive|http)\+(\d+)")
WHOLE_SECOND = 1.0
"""Precision of the times in answers, in seconds."""


@dataclass(frozen=True, slots=True)
class WaitsAnswer:
    """An error answer, its expected verdict, and the wait that it asks for.

    `seconds` is None when it asks for none. Infinity stands for "until midnight in California" before `at` is called.
    """

    name: str
    status: int
    headers: dict[str, str]
    body: Any
    verdict: Verdict
    seconds: float | None

    def __str__(self) -> str:
        return self.name

    def at(self, now: datetime) -> WaitsAnswer:
        """Return the answer with its times counted from `now`."""
        headers = {name: str(_dated(text, now)) for name, text in self.headers.items()}
        seconds = seconds_to_midnight(now, GEMINI_DAY) if self.seconds == math.inf else self.seconds
        return WaitsAnswer(self.name, self.status, headers, _dated(self.body, now), self.verdict, seconds)


@cache
def waits_answers() -> tuple[WaitsAnswer, ...]:
    """Load all answers of the file."""
    entries = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return tuple(_answer(entry) for entry in entries)


def _answer(entry: dict[str, Any]) -> WaitsAnswer:
    seconds = math.inf if entry["seconds"] == "@midnight" else entry["seconds"]
    verdict, headers = Verdict(entry["verdict"]), entry.get("headers", {})
    return WaitsAnswer(entry["name"], entry["status"], headers, entry["body"], verdict, seconds)


def _dated(value: Any, now: datetime) -> Any:
    if isinstance(value, dict):
        return {name: _dated(inner, now) for name, inner in value.items()}
    if isinstance(value, list):
        return [_dated(inner, now) for inner in value]
    match = MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    moment = now + timedelta(seconds=int(match[2]))
    return {
        "unix": str(int(moment.timestamp())),
        "unix_ms": str(int(moment.timestamp() * 1000)),
        "iso": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "iso_naive": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "http": format_datetime(moment, usegmt=True),
    }[match[1]]


class WaitsConformance(ABC):
    """Conformance suite: subclass it, and answer a call of the driver with each of the answers."""

    key_name = "API_KEY"

    @abstractmethod
    def raised(self, answer: WaitsAnswer) -> DriverError:
        """Call the driver while its provider gives `answer`; return the error that it raises."""

    @pytest.mark.parametrize("answer", waits_answers(), ids=str)
    def test_error_answer_is_classified_by_its_fields(self, answer: WaitsAnswer) -> None:
        error = self.raised(answer.at(datetime.now(UTC)))
        if answer.verdict in PASSES:
            assert isinstance(error, DriverTransient), error
            assert error.limited == (answer.verdict is Verdict.LIMITED)
        else:
            assert isinstance(error, DriverTerminal), error
            assert error.elsewhere == (answer.verdict not in SAME_EVERYWHERE)
            assert error.do == remedy(answer.verdict, self.key_name)

    @pytest.mark.parametrize("answer", [a for a in waits_answers() if a.verdict in PASSES], ids=str)
    def test_error_answer_asks_for_its_wait(self, answer: WaitsAnswer) -> None:
        began = datetime.now(UTC)
        answer = answer.at(began)
        error = self.raised(answer)
        passed_seconds = (datetime.now(UTC) - began).total_seconds()
        assert isinstance(error, DriverTransient), error
        wait_seconds = error.retry_after_seconds
        if answer.seconds is None or wait_seconds is None:
            assert wait_seconds == answer.seconds
        else:
            assert answer.seconds - WHOLE_SECOND - passed_seconds <= wait_seconds <= answer.seconds + WHOLE_SECOND
