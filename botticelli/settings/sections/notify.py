"""Defines `[[notify]]`: which events are told to which webhook, chat channel or mailbox."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from botticelli.settings.section import Section
from botticelli.settings.urls import UrlFault, checked_url

RUN_EVENTS = ("run.completed", "run.failed", "run.budget_exhausted", "run.paused")
EFFECT_WAITING, EFFECT_DECIDED = "effect.waiting", "effect.decided"
EFFECT_EVENTS = (EFFECT_WAITING, EFFECT_DECIDED, "effect.unknown")
BUDGET_THRESHOLD, SCHEDULE_MISSED, WORKER_NONE = "budget.threshold", "schedule.missed", "worker.none"
EVENTS = (*RUN_EVENTS, *EFFECT_EVENTS, BUDGET_THRESHOLD, SCHEDULE_MISSED, WORKER_NONE)
MAX_SECRETS = 2
"""The present secret, and the one before it or after it while receivers change over."""
MAX_RECIPIENTS = 50
PORTS = {"smtps": 465, "smtp": 587}


def _event(name: str) -> str:
    if name not in EVENTS:
        near = difflib.get_close_matches(name, EVENTS, 1)
        known = f"did you mean {near[0]}?" if near else f"the events are {', '.join(EVENTS)}"
        raise ValueError(f"is not an event; {known}")
    return name


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
        raise ValueError("must be the name of an environment variable, not the secret itself")
    return name


def _web_url(url: SecretStr) -> SecretStr:
    return SecretStr(checked_url(url.get_secret_value(), ("http", "https"), login=False).text)


def _mail_url(url: str) -> str:
    checked = checked_url(url, tuple(PORTS), login=False)
    if checked.tail not in ("", "/"):
        raise UrlFault("must be smtps://HOST:PORT or smtp://HOST:PORT, without a path")
    return checked.text


def _address(address: str) -> str:
    if not re.fullmatch(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}", address) or not address.isascii():
        raise ValueError("must be an e-mail address, such as ada@example.org")
    return address


Event = Annotated[str, AfterValidator(_event)]
Variable = Annotated[str, AfterValidator(_variable)]
Address = Annotated[str, AfterValidator(_address)]


class NotifyTarget(Section):
    """One receiver of notices. Its name identifies it in `botticelli notify` and in the database."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    on: tuple[Event, ...] = Field(min_length=1)
    """The events that are told."""
    kind: Literal["webhook", "discord", "discord_bot", "slack", "email"] = "webhook"
    url: Annotated[SecretStr, AfterValidator(_web_url)] | None = None
    """Address of a webhook, or the webhook address that Discord or Slack gave you."""
    url_env: Variable | None = None
    """Environment variable that holds the address instead."""
    channel_id: str | None = Field(default=None, pattern=r"^[0-9]{1,20}$")
    """Discord channel that the bot writes to; an effect that waits is asked for there with buttons."""
    secret_envs: tuple[Variable, ...] = Field(default=(), max_length=MAX_SECRETS)
    """Environment variables with the secrets (`whsec_...`) that sign the webhook; two while they are rotated."""
    smtp_url: Annotated[str, AfterValidator(_mail_url)] | None = None
    """Mail server: `smtps://HOST` (TLS, port 465) or `smtp://HOST` (STARTTLS, port 587)."""
    smtp_user: str | None = Field(default=None, min_length=1)
    smtp_password_env: Variable | None = None
    """Environment variable that holds the password of `smtp_user`."""
    sender: Address | None = None
    to: tuple[Address, ...] = Field(default=(), max_length=MAX_RECIPIENTS)
    narratives: tuple[str, ...] = ()
    """Only events of these narratives; globs."""
    tags: tuple[str, ...] = ()
    """Only events of runs with one of these tags; globs."""
    tenants: tuple[str, ...] = ()
    """Only events of these tenants; globs."""
    include: tuple[Literal["output"], ...] = ()
    """`output`: also tell what models wrote: the last output of a run, the arguments of an effect."""
    allow_private: bool = False
    """The receiver is in your own network: its address may be private, and it may be reached without TLS."""

    @model_validator(mode="after")
    def _require_complete(self) -> NotifyTarget:
        check = {"email": self._mail_fault, "discord_bot": self._bot_fault}.get(self.kind, self._web_fault)
        fault = check()
        if fault is not None:
            raise ValueError(f"{self.name!r} {fault}")
        return self

    @property
    def events(self) -> tuple[str, ...]:
        """The events that are told; where an effect was asked for with buttons, also that it was decided."""
        asks = self.kind == "discord_bot" and EFFECT_WAITING in self.on
        return (*self.on, EFFECT_DECIDED) if asks else self.on

    def _bot_fault(self) -> str | None:
        if self.channel_id is None:
            return "is of kind discord_bot and needs the channel_id that the bot writes to"
        if self.url or self.url_env or self.secret_envs or self.smtp_url or self.smtp_user or self.sender or self.to:
            return "is of kind discord_bot, which takes channel_id only: the bot's token is DISCORD_TOKEN"
        return None

    def _mail_fault(self) -> str | None:
        missing = [name for name in ("smtp_url", "sender", "to") if not getattr(self, name)]
        if missing:
            return f"is of kind email and needs {' and '.join(missing)}"
        if self.url or self.url_env or self.secret_envs:
            return "is of kind email, which takes no url, url_env or secret_envs"
        if self.channel_id is not None:
            return "is of kind email, which takes no channel_id"
        if (self.smtp_user is None) != (self.smtp_password_env is None):
            return "needs both smtp_user and smtp_password_env, or neither"
        return None

    def _web_fault(self) -> str | None:
        if self.channel_id is not None:
            return f"is of kind {self.kind}, which takes no channel_id; a bot is of kind discord_bot"
        if (self.url is None) == (self.url_env is None):
            return "needs url or url_env, one of them"
        if self.kind == "webhook" and not self.secret_envs:
            return "is of kind webhook and needs secret_envs, so that its receiver can tell who sends"
        if self.kind != "webhook" and self.secret_envs:
            return f"is of kind {self.kind}, which takes no secret_envs: its address is the secret"
        if self.smtp_url or self.smtp_user or self.smtp_password_env or self.sender or self.to:
            return f"is of kind {self.kind}, which takes no smtp_url, smtp_user, smtp_password_env, sender or to"
        if self.url is not None and self.url.get_secret_value().startswith("http:") and not self.allow_private:
            return "must have an https:// url, or allow_private = true for a receiver in your own network"
        return None
