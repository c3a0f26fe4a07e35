"""Defines which parameters a model accepts, and compares them with those of a call. Knows no provider and sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse

Level = Literal["off", "low", "medium", "high"]
"""How much a model may think before it answers."""
Tier = Literal["default", "flex", "priority"]
"""Service tiers: flex is slower and costs less, priority is faster and costs more."""
Parameter = Literal["temperature", "top_p", "prefill"]
LEVELS: tuple[Level, ...] = get_args(Level)
TIERS: tuple[Tier, ...] = get_args(Tier)
DEFAULTS = {"temperature": 1, "top_p": 1}
"""Values that providers use by themselves; they are never refused, and need not be sent."""
PASSED_ON: Mapping[Level, str | int] = {"off": "none", "low": "low", "medium": "medium", "high": "high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The parameters that a narrative chooses for a call."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    thinking: Level | None = None
    service_tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One parameter that a model refuses, or (`is_error` False) that is left out or changed: key, reason, what to do."""

    key: str
    reason: str
    do: str = ""
    is_error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParameters:
    """The parameters that a model accepts.

    `thinks` is what it does when a request says nothing. `levels` and `tiers` map the words of a narrative to those of
    the provider; a level that is a number is a budget of tokens. `limit` is the name of the limit of an answer.
    """

    thinks: Literal["always", "on", "off", "never", "unknown"] = "unknown"
    levels: Mapping[Level, str | int] = field(default_factory=lambda: PASSED_ON)
    refused: frozenset[str] = frozenset()
    refused_while_thinking: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    exclusive: tuple[str, ...] = ()
    limit: str = "max_tokens"
    tiers: Mapping[Tier, str] = field(default_factory=lambda: dict[Tier, str]({"default": ""}))

    def is_thinking(self, level: Level | None) -> bool:
        """Return whether the model thinks in a call with this level (None: no level is sent)."""
        return self.thinks in ("always", "on") if level is None else level != "off"

    def refused_with(self, level: Level | None) -> frozenset[str]:
        """Return the parameters that are refused in a call with this level of thinking."""
        return self.refused | self.refused_while_thinking if self.is_thinking(level) else self.refused

    def findings(self, model: str, choice: Choice) -> Iterator[Finding]:
        """Yield what this model refuses or ignores of a choice."""
        yield from self._of_thinking(model, choice)
        for key in ("temperature", "top_p"):
            value = getattr(choice, key)
            if value is not None and (finding := self._of_sampling(model, key, value, choice)) is not None:
                yield finding
        given = [key for key in self.exclusive if getattr(choice, key) is not None]
        if len(given) > 1:
            yield Finding(given[-1], f"{model} takes only one of {' and '.join(given)}", "keep one")
        if choice.service_tier is not None and choice.service_tier not in self.tiers:
            offer = " and ".join(self.tiers)
            reason = f"{model} has no service tier {choice.service_tier}, only {offer}"
            yield Finding("service_tier", reason, "remove it, or choose another model")

    def _of_sampling(self, model: str, key: str, value: float, choice: Choice) -> Finding | None:
        if key in self.ignored:
            return Finding(key, f"has no effect on {model}, so it is not sent", is_error=False)
        if value == DEFAULTS[key]:
            return None
        if key in self.refused:
            return Finding(key, f"{model} accepts no {key}", "remove it, or choose another model")
        if key in self.refused_with(choice.thinking):
            do = 'remove it, or write thinking = "off"' if "off" in self.levels else "remove it"
            return Finding(key, f"{model} accepts no {key} while it thinks", do)
        return None

    def _of_thinking(self, model: str, choice: Choice) -> Iterator[Finding]:
        level = choice.thinking
        if level is None:
            return
        if self.thinks == "never":
            if level != "off":
                yield Finding("thinking", f"{model} doesn't think", "remove it, or choose another model")
            return
        if level not in self.levels:
            offer = " or ".join(f'"{known}"' for known in self.levels)
            why = f"{model} can't stop thinking" if level == "off" else f"{model} doesn't know the level {level}"
            yield Finding("thinking", why, f"write {offer}, or choose another model")
            return
        sent = self.levels[level]
        if self.thinks == "unknown":
            yield Finding("thinking", f'is sent to {model} as "{sent}"; whether it thinks is not known', is_error=False)
        elif sent == "minimal":
            yield Finding("thinking", f'"off" is sent to {model} as "minimal", the least it can', is_error=False)
        elif isinstance(sent, int) and choice.max_tokens is not None and sent >= choice.max_tokens:
            reason = f"must be over {sent:,}, the tokens for which {model} may think at this level"
            yield Finding("max_tokens", reason, "raise it, or lower thinking")


NO_PARAMETERS = ModelParameters(thinks="never")
"""Parameters of a driver that does not state them: no level of thinking, and the default tier only."""


def choice_of(request: GenerateRequest) -> Choice:
    return Choice(
        temperature=request.temperature,
        top_p=request.top_p,
        max_tokens=request.max_tokens,
        thinking=request.thinking,
        service_tier=request.service_tier,
    )


def accepted_request(request: GenerateRequest, parameters: ModelParameters) -> tuple[GenerateRequest, tuple[str, ...]]:
    """Return the request without what its model would refuse or ignore, and a warning for each such parameter.

    A narrative with such a parameter is refused before it runs, so this is for requests that were enqueued elsewhere.
    """
    warnings: list[str] = []
    dropped: dict[str, Any] = {}
    for finding in parameters.findings(request.model, choice_of(request)):
        if finding.key == "max_tokens" or not (finding.is_error or finding.key in parameters.ignored):
            continue  # the driver makes room for the thinking; a level that is sent otherwise was warned of before
        dropped[finding.key] = None
        warnings.append(f"{finding.key} {'was not sent: ' if finding.is_error else ''}{finding.reason}")
    dropped |= dict.fromkeys(DEFAULTS.keys() & parameters.refused_with(request.thinking))
    return replace(request, **dropped), tuple(warnings)


def other_tier(request: GenerateRequest, response: GenerateResponse) -> tuple[str, ...]:
    """Return a warning when another service tier answered than the one that was asked for."""
    tier, service = request.service_tier, response.service.partition("+")[0]
    if tier is None or service == ("standard" if tier == "default" else tier):
        return ()
    return (f"the service tier {tier} was asked for; {service} answered, and is what is charged",)
