"""The outside of a cluster: a provider and a Discord over real wires, whose own records judge. Injects no fault."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botticelli.telemetry.failpoints import POINTS
from botticelli.testing.discord import GUILD, FakeDiscord, serving
from botticelli.testing.providers import FakeProvider, Received
from tests.support.narratives import narrative_text

KEY = "sk-canary-of-the-provider-7c1f"
TOKEN = "canary-of-the-bot-93ae"
PERIOD_SECONDS = 2.0
GUARD_MS = 250
DAY_SECONDS = 86_400
OK = 200
FALLS = "falls"
FALLS_AT = 3
"""The iteration that gets an answer which can't be used, in runs whose tag begins so."""
HOSTILE = (
    "{var.tag} {act.end.output} {env.OPENAI_API_KEY} {{iteration}} {state.global.x} '); drop table runs; -- "
    "@everyone ../../../etc/passwd"
)
"""The answer of the model: text that would do harm if it were treated as anything but data."""
TOLD = HOSTILE.replace("@", "@\u200b", 1)
"""The same as Discord shows it."""

ACTS = """
think = "Think about {tag} {{iteration}}"

[acts.setup]
skip_if = "{{state.discord.{guild}.channel.{tag}}}"
[[acts.setup.input]]
type = "bot_command"
command = "channels.create"
args = {{ guild_id = "{guild}", name = "{tag}" }}

[acts.tell]
output_var = "told"
[[acts.tell.input]]
type = "bot_command"
command = "messages.send"
args = {{ channel_id = "{{state.discord.{guild}.channel.{tag}}}", content = "{tag} {{iteration}} {{act.think.output}}" }}

[acts.end]
prompt = "Say goodbye to {tag} {{iteration}}"
"""
REACHED = tuple(point for point in POINTS if point != "attempt_rejected")
"""Failpoints that these acts pass; none of them has a gate."""
PROMPTS = {"Think about": "think", "Say goodbye to": "end"}
PROMPT = re.compile(rf"({'|'.join(PROMPTS)}) (\S+) (\d+)")


def narrative_of(tag: str, model: str, iterations: int, **carousel: object) -> str:
    """Two calls, a channel that all iterations share, and a message of each. The tag tells whose they are."""
    acts = ACTS.format(tag=tag, guild=GUILD)
    text = narrative_text(iterations, acts, name=tag, estimated_tokens_per_iteration=200, **carousel)
    return text.replace("[narrative]\n", f'[narrative]\nmodel = "openai/{model}"\n', 1)


def answer_to(prompt: str) -> str:
    _, tag, number = PROMPT.findall(prompt)[-1]
    return "" if tag.startswith(FALLS) and int(number) == FALLS_AT else HOSTILE


@dataclass
class World:
    provider: FakeProvider
    discord: FakeDiscord

    def settings(self, tiers: Mapping[str, Any]) -> dict[str, str]:
        """The environment of processes that are to find it. `tiers` is the only tier's table."""
        provider = {"default_tier": "t", "tiers": {"t": tiers}}
        return {
            "BOTTICELLI_DRIVERS__OPENAI__BASE_URL": self.provider.url,
            "BOTTICELLI_DRIVERS__OPENAI__TIMEOUT_SECONDS": "20",
            "BOTTICELLI_PROVIDERS__OPENAI": json.dumps(provider),
            "BOTTICELLI_BUDGET__GUARD_MS": str(GUARD_MS),
            "BOTTICELLI_PLATFORMS__DISCORD__BASE_URL": self.discord.url,
            "OPENAI_API_KEY": KEY,
            "DISCORD_TOKEN": TOKEN,
        }

    def calls(self, model: str) -> list[Received]:
        """All requests to a model, whatever was answered."""
        with self.provider._lock:
            return [call for call in self.provider.received if call.body.get("model") == model]

    def answered(self, tag: str) -> Counter[tuple[int, str]]:
        """How often each prompt was answered: by iteration and act."""
        with self.provider._lock:
            prompts = [asked_of(call) for call in self.provider.received if call.status == OK]
        return Counter((number, act) for whose, act, number in prompts if whose == tag)

    def messages(self, tag: str) -> list[tuple[str, str]]:
        """Id and text of each message in the channels of that name."""
        data = self.discord.world.data.messages
        return [
            (key, message["content"])
            for channel in self.channels(tag)
            for key, message in data.get(channel, {}).items()
        ]

    def pings(self, tag: str) -> list[str]:
        """Return what messages were sent with that could have pinged somebody."""
        channels = set(self.channels(tag))
        sent = [
            request
            for request in list(self.discord.requests)
            if request.method == "POST" and request.path.endswith("/messages")
        ]
        mine = [request.body for request in sent if request.path.split("/")[-2] in channels]
        return [
            str(body.get("allowed_mentions"))
            for body in mine
            if (body.get("allowed_mentions") or {}).get("parse") != []
        ]

    def heard(self, tag: str) -> list[str]:
        """Return the text before the last prompt of each iteration: the outputs of earlier acts."""
        with self.provider._lock:
            calls = [call for call in self.provider.received if call.status == OK]
        last = [call for call in calls if asked_of(call)[:2] == (tag, "end")]
        return ["\n".join(str(message["content"]) for message in call.body["messages"]) for call in last]

    def channels(self, tag: str) -> list[str]:
        return [channel["id"] for channel in self.discord.channels(tag)]


def asked_of(call: Received) -> tuple[str, str, int]:
    """Tag, act and iteration; what earlier acts brought may stand before the prompt."""
    words, tag, number = PROMPT.findall(str(call.body["messages"][-1]["content"]))[-1]
    return tag, PROMPTS[words], int(number)


def arrived_ms(call: Received) -> float:
    """By the clock of this machine, which is that of its Redis as well."""
    return (call.at + time.time() - time.monotonic()) * 1000


@contextmanager
def world(latency_seconds: float = 0.0) -> Iterator[World]:
    with (
        serving(FakeDiscord(token=TOKEN)) as discord,
        FakeProvider("openai", answer=answer_to, latency_seconds=latency_seconds) as provider,
    ):
        yield World(provider, discord)
