"""Chooses the model of narratives that name none: the one of the settings, else by the API keys that are set.

Sends no request. The choice is made once, at enqueue, and stored with the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botticelli.drivers import Drivers, ModelName, RecommendsModel, ReportsReadiness

AUTO = "auto"
"""Value of `default_model` that leaves the choice to the keys of the environment."""
OFFLINE_MODEL = "echo/echo"
PROVIDERS = ("anthropic", "openai", "gemini")
"""Order of preference: by the price of the recommended models, the lowest first (docs/reference/settings.md)."""


@dataclass(frozen=True, slots=True)
class DefaultModel:
    """A chosen model. `note` is one line for a person: which model answers and why, or what to set.

    It is None for a configured model. `missing_keys` are the variables that would choose a real model.
    """

    model: str
    note: str | None = None
    missing_keys: tuple[str, ...] = ()


def choose_default_model(drivers: Drivers, configured: str) -> DefaultModel:
    """Return the configured model, else the recommended model of the first provider that has a key, else the echo."""
    if configured != AUTO:
        return DefaultModel(configured)
    ready: list[tuple[str, str, str]] = []
    missing: list[str] = []
    for provider in (name for name in PROVIDERS if name in drivers.names()):
        driver = drivers.get(provider)
        if not (isinstance(driver, RecommendsModel) and isinstance(driver, ReportsReadiness)):
            continue
        readiness = driver.readiness()
        if readiness.has_key:
            ready.append((provider, driver.recommended_model(), readiness.key_name or readiness.key_names[0]))
        else:
            missing.append(readiness.key_names[0])
    if not ready:
        return DefaultModel(OFFLINE_MODEL, _offline_note(missing), tuple(missing))
    provider, model, key_name = ready[0]
    name = str(ModelName(provider, model))
    return DefaultModel(name, _key_note(name, key_name, [other for other, _, _ in ready[1:]]))


def _offline_note(keys: Sequence[str]) -> str | None:
    if not keys:
        return None
    offer = ", ".join(keys[:-1]) + f" or {keys[-1]}"
    return f"no API key is set: the offline echo answers and no model is called; set {offer}"


def _key_note(model: str, key_name: str, others: Sequence[str]) -> str:
    """Say whose key chose the model. `others` are providers that have a key as well."""
    line = f"model {model}: {key_name} is set"
    if not others:
        return line
    also = ", ".join(others)
    return f"{line}; so are keys of {also}, but this model costs least (--model or default_model chooses another)"
