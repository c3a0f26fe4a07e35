"""Finds the parameters that a model accepts in models.toml, which is read once per process."""

from __future__ import annotations

import tomllib
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from botticelli.drivers.interface.model_parameters import Level, ModelParameters, Parameter, Tier


class _Class(BaseModel):
    """One class of models, as the file describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    models: tuple[str, ...] = Field(min_length=1)
    thinks: Literal["always", "on", "off", "never"]
    levels: dict[Level, str | int] = Field(default_factory=dict)
    refused: frozenset[Parameter] = frozenset()
    refused_while_thinking: frozenset[Parameter] = frozenset()
    ignored: frozenset[Parameter] = frozenset()
    exclusive: tuple[Parameter, ...] = ()
    limit: str = "max_tokens"
    tiers: dict[Tier, str] = Field(default_factory=lambda: dict[Tier, str]({"default": ""}))
    as_of: date
    source: str

    def matches(self, provider: str, model: str) -> bool:
        return self.provider == provider and any(fnmatchcase(model.lower(), pattern) for pattern in self.models)

    def parameters(self) -> ModelParameters:
        return ModelParameters(
            thinks=self.thinks,
            levels=MappingProxyType(self.levels),
            refused=self.refused,
            refused_while_thinking=self.refused_while_thinking,
            ignored=self.ignored,
            exclusive=self.exclusive,
            limit=self.limit,
            tiers=MappingProxyType(self.tiers),
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[_Class, ...]


def accepted_parameters(model: str, *providers: str) -> ModelParameters | None:
    """Return what a model accepts, by the classes of the first of `providers` that has one for it; None if none has."""
    entries = (entry for provider in providers for entry in parameter_classes() if entry.matches(provider, model))
    return next((entry.parameters() for entry in entries), None)


@cache
def parameter_classes() -> tuple[_Class, ...]:
    text = files("botticelli.drivers.parameters").joinpath("models.toml").read_text(encoding="utf-8")
    return _File.model_validate(tomllib.loads(text)).classes
