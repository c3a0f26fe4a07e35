"""A provider on each wire that answers by chance, and its own record of what it was asked and what it said."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from botticelli.testing.providers import FakeProvider, RawAnswer
from botticelli.testing.wires.provider_wires import WIRES
from tests.chaos.storm.kinds import Outcome, Request, by_chance
from tests.chaos.storm.speech import SPEECHES
from tests.support.narratives import narrative_text

MODELS = {"openai": "gpt-storm-", "anthropic": "claude-storm-", "gemini": "gemini-storm-"}
MAX_FAILURES = 7
"""After so many tries of an iteration that failed, none fails any more: its backoff would grow to a minute."""
RETRIES = MAX_FAILURES
"""An iteration fails only where it has to."""
ACTS = """
say = "({tag} say {{iteration}}) Say something about tea."
tell = "({tag} tell {{iteration}}) Repeat: {{act.say.output}}"

[acts.facts]
prompt = "({tag} facts {{iteration}}) Say something about tea as JSON."
format = "json"
output_var = "facts"
"""
ACT_NAMES = ("say", "tell", "facts")
PROMPT = re.compile(rf"\((\S+) ({'|'.join(ACT_NAMES)}) (\d+)\)")
Place = tuple[str, str, int]
"""Tag of the run, act and iteration: whose call it is."""


@dataclass(frozen=True, slots=True)
class Event:
    """One request and what it was answered with."""

    kind: str
    outcome: Outcome
    usage: tuple[int, int] | None
    texts: tuple[str, ...]
    streams: bool


@dataclass
class Storm:
    """Records the calls that the providers of all wires have seen. The same seed gives each call the same answers."""

    seed: int
    events: defaultdict[Place, list[Event]] = field(default_factory=lambda: defaultdict(list))
    strangers: list[str] = field(default_factory=list)
    """Requests that belong to no iteration."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _serial: int = 0

    def choose(self, wire: str, body: dict[str, Any], path: str) -> str | RawAnswer:
        streams = bool(body.get("stream")) or path.endswith(":streamGenerateContent")
        prompt = WIRES[wire].prompt(body)
        prompts = PROMPT.findall(_last_message(body))
        with self._lock:
            if not prompts:
                self.strangers.append(path)
                return "500"
            tag, act, number = prompts[-1]
            events = self.events[tag, act, int(number)]
            self._serial += 1
            chance = random.Random(f"{self.seed} {tag} {act} {number} {len(events)}")
            kind = by_chance(chance, patient=self._failures(tag, int(number)) < MAX_FAILURES)
            served = kind(Request(SPEECHES[wire], wire, prompt, self._serial, act == "facts", streams, chance))
            events.append(Event(kind.__name__, served.outcome, served.usage, served.texts, streams))
        return served.answer

    def _failures(self, tag: str, number: int) -> int:
        """How often an iteration has been made to try again."""
        events = [event for act in ACT_NAMES for event in self.events.get((tag, act, number), ())]
        return sum(event.outcome in ("retried", "unknown") for event in events)

    def requests(self) -> int:
        with self._lock:
            return sum(map(len, self.events.values()))


@dataclass(frozen=True, slots=True)
class StormRun:
    """A narrative over one model of one wire."""

    wire: str
    tag: str
    iterations: int

    def text(self, concurrency: int) -> str:
        carousel = {"continue_on_error": True, "on_budget_exhausted": "wait", "retries": RETRIES}
        figures = {"concurrency": concurrency, "estimated_tokens_per_iteration": 2_000}
        text = narrative_text(self.iterations, ACTS.format(tag=self.tag), self.tag, **carousel, **figures)
        model = f"{self.wire}/{MODELS[self.wire]}{self.tag}"
        return text.replace("[narrative]\n", f'[narrative]\nmodel = "{model}"\n', 1)


@contextmanager
def storm(wires: Sequence[str], seed: int) -> Iterator[tuple[Storm, dict[str, str]]]:
    """The record, and the settings with which workers find the providers."""
    record, settings = Storm(seed), {}
    windows = [
        {"metric": metric, "limit": limit, "period_seconds": 60}
        for metric, limit in (("requests", 100_000), ("tokens", 10**9))
    ]
    with ExitStack() as stack:
        for wire in wires:
            server = stack.enter_context(FakeProvider(wire, choose=_chooser(record, wire)))  # type: ignore[arg-type]
            driver = wire.upper()
            settings |= {
                f"BOTTICELLI_DRIVERS__{driver}__BASE_URL": server.url,
                f"BOTTICELLI_DRIVERS__{driver}__TIMEOUT_SECONDS": "60",
                f"BOTTICELLI_PROVIDERS__{driver}": json.dumps(
                    {"default_tier": "t", "tiers": {"t": {"windows": windows}}}
                ),
                f"{driver}_API_KEY": "sk-canary-of-the-storm",
            }
        yield record, settings


def _chooser(record: Storm, wire: str) -> Any:
    return lambda body, path: record.choose(wire, body, path)


def _last_message(body: dict[str, Any]) -> str:
    """As JSON: what is quoted within it stands before or after the prompt's own words."""
    return json.dumps((body.get("messages") or body.get("contents") or [""])[-1])
