"""Reads the webhooks of the settings: secrets from the environment, conditions and variables, all checked at start."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from botticelli.carousel.enqueuing.from_wire import load_by_name
from botticelli.errors import InvalidInput, SettingsError
from botticelli.narrative import missing_variables
from botticelli.narrative.expressions import Condition, Template
from botticelli.runtime.process import Runtime
from botticelli.settings.sections.webhooks import WebhookSettings
from botticelli.settings.sources.secret_values import read_secret
from botticelli.telemetry.log import log
from botticelli.telemetry.masking import remember_value
from botticelli.webhooks.mapping import WebhookMapping, read_conditions, read_template
from botticelli.webhooks.signatures import check_secret

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook that can be received. Its secrets show in no representation."""

    name: str
    settings: WebhookSettings
    mapping: WebhookMapping
    secrets: Secrets

    def current_secrets(self) -> Secrets:
        """Return the secrets, those in files as they are now. A file that is just being written changes none."""
        if not any(f"{variable}_FILE" in os.environ for variable in self.settings.secret_env):
            return self.secrets
        try:
            return _secrets(self.settings, os.environ)
        except InvalidInput as error:
            log("webhook_secret_unusable", level=logging.WARNING, webhook=self.name, reason=error.what)
            return self.secrets


class Secrets(tuple[str, ...]):
    """Texts that show in no representation."""

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


def read_webhooks(runtime: Runtime) -> dict[str, Webhook]:
    """Return the webhooks of the settings by name. Raises SettingsError, one line with its place, for the first fault."""
    return {name: read_webhook(runtime, name) for name in runtime.settings.webhooks}


def read_webhook(runtime: Runtime, name: str, environ: Mapping[str, str] | None = None) -> Webhook:
    """Return a webhook of the settings. Raises SettingsError for what keeps it from being received."""
    settings = runtime.settings.webhooks[name]
    place = _Place(runtime, name)
    conditions: tuple[Condition, ...] = place.read(("when",), lambda: read_conditions(settings.when))
    variables: dict[str, Template] = {
        variable: place.read(("variables", variable), partial(read_template, text))
        for variable, text in settings.variables.items()
    }
    place.read(("narrative",), lambda: _check_narrative(runtime, settings))
    secrets = place.read(("secret_env",), lambda: _secrets(settings, os.environ if environ is None else environ))
    return Webhook(name, settings, WebhookMapping(conditions, variables), secrets)


@dataclass(frozen=True, slots=True)
class _Place:
    """Says where in the settings something is wrong."""

    runtime: Runtime
    name: str

    def read(self, key: tuple[str, ...], reading: Callable[[], Value]) -> Value:
        try:
            return reading()
        except InvalidInput as error:
            path = ("webhooks", self.name, *key)
            what = " ".join(line.strip() for line in str(error).splitlines())
            raise SettingsError(f"{'.'.join(path)}: {what}", where=self.runtime.settings.where(*path)) from None


def _secrets(settings: WebhookSettings, environ: Mapping[str, str]) -> Secrets:
    texts = []
    for variable in settings.secret_env:
        text = read_secret(environ, variable)
        if not text:
            raise InvalidInput(f"the environment variable {variable} is not set", do="set it where `serve` runs")
        try:
            check_secret(settings.verify, text)
        except InvalidInput as error:
            raise InvalidInput(f"{variable}: {error.what}", do=error.do) from None
        remember_value(text)
        texts.append(text)
    return Secrets(texts)


def _check_narrative(runtime: Runtime, settings: WebhookSettings) -> None:
    """Load the narrative, and check that its variables are given. Raises InvalidInput."""
    if settings.narrative is None:
        return
    loaded, _ = load_by_name(runtime, settings.narrative)
    missing = missing_variables(loaded.narrative, settings.variables)
    if missing:
        do = f'add {missing[0]} = "{{body...}}" to [webhooks.NAME.variables], or a default to the narrative'
        raise InvalidInput(f"{settings.narrative} needs the variable {missing[0]!r}", do=do)
