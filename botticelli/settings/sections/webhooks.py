"""Defines `[webhooks.NAME]`: whose signed webhooks start which narrative, and what of their bodies it is given."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from botticelli.settings.section import Section
from botticelli.settings.sections.notify import MAX_SECRETS, Variable

WebhookKind = Literal["standard", "github", "stripe", "slack", "discord"]


def _listed(value: Any) -> Any:
    """Read a single text as a list of it."""
    return (value,) if isinstance(value, str) else value


def _webhook_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise ValueError("is not the name of a webhook: write small letters, digits, _ and -")
    return name


WebhookName = Annotated[str, AfterValidator(_webhook_name)]


class WebhookSettings(Section):
    """One kind of webhook, which its sender posts to `/webhooks/NAME` of `botticelli serve`."""

    verify: WebhookKind
    """Whose rules sign it."""
    secret_env: Annotated[tuple[Variable, ...], BeforeValidator(_listed)] = Field(min_length=1, max_length=MAX_SECRETS)
    """Environment variable with the secret of the sender, for Discord the application's public key; two of them while the
    secret is rotated."""
    narrative: str | None = Field(default=None, min_length=1)
    """Narrative, by its name, that each delivery runs. Needed but for `discord`, where approvals need none."""
    when: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Condition, or several, such as `{body.action} == opened`. A delivery that does not fulfil all of them runs nothing."""
    variables: dict[str, str] = Field(default_factory=dict)
    """Variables of the run, such as `title = "{body.issue.title}"`. What is filled in is data."""
    tenant: str | None = Field(default=None, min_length=1)
    """Whose budget the runs spend from, too."""
    tags: tuple[str, ...] = ()
    """Tags of the runs."""

    @model_validator(mode="after")
    def _require_use(self) -> WebhookSettings:
        if self.narrative is None and self.verify != "discord":
            raise ValueError("needs the narrative that its deliveries run")
        if self.narrative is None and (self.when or self.variables or self.tenant or self.tags):
            raise ValueError("has no narrative, so that when, variables, tenant and tags have no effect")
        return self
