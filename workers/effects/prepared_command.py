"""Prepares a bot command: renders and checks its arguments, and holds everything that is known before it is performed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from botticelli.errors import PlatformError, PlatformTransient, PlatformUnknown
from botticelli.narrative import as_text, render_value
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.platforms import CommandSpec, Configurable, Platform, check_arguments
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext, effect_key
from workers.context.outcomes import ParkUntil
from workers.context.reference_values import guild_of, resolver
from workers.context.retry_waits import next_wait
from workers.effects.captures import Capture

Result = TypeVar("Result")


@dataclass(frozen=True)
class PreparedCommand:
    """A command of one turn of an act, with its rendered arguments. `name` is unique within the iteration.

    When a person has edited the arguments, `args` are the edited ones, and `prepared_args` those that were rendered.
    """

    stage: IterationContext
    act: Act
    name: str
    input_: BotCommandInput
    platform: Platform
    spec: CommandSpec
    args: Mapping[str, Any]
    prepared_args: Mapping[str, Any] | None = None

    @cached_property
    def key(self) -> str:
        """The key of the command's effect, by its arguments as they were prepared."""
        args = self.args if self.prepared_args is None else self.prepared_args
        return effect_key(self.stage.claim, self.name, self.input_.platform, self.input_.command, args)

    def edited(self, args: Mapping[str, Any]) -> PreparedCommand:
        """Return the command with the arguments that a person approved; its effect stays the same."""
        return replace(self, args=args, prepared_args=self.args if self.prepared_args is None else self.prepared_args)

    @cached_property
    def capture(self) -> Capture:
        return Capture(self.stage, self.input_, self.spec, self.act.output_var or self.act.own_name)

    def with_retries(self, request: Callable[[], Result]) -> Result:
        """Return the request's result; retries temporary failures. ParkUntil when the wait is long."""
        retries = self.stage.run.retries if self.act.retries is None else self.act.retries
        tries = 0
        while True:
            try:
                return request()
            except (PlatformTransient, PlatformUnknown) as error:
                requested_seconds = error.retry_after_seconds if isinstance(error, PlatformTransient) else None
                if requested_seconds is None and tries >= retries:
                    raise
                wait_seconds = next_wait(tries, requested_seconds)
                tries += 1
                log("command_waits", level=logging.WARNING, run=self.stage.claim.run_id, error=error)
                self._wait(wait_seconds, f"{self.input_.command}: {error}")

    def _wait(self, wait_seconds: float, reason: str) -> None:
        if wait_seconds > self.stage.runtime.settings.worker.inline_wait_seconds:
            raise ParkUntil(wait_seconds, reason)
        threading.Event().wait(wait_seconds)


def prepare(
    stage: IterationContext, act: Act, name: str, input_: BotCommandInput, *, platform: Platform, spec: CommandSpec
) -> PreparedCommand:
    """Return the command with rendered arguments, checked as at load. PlatformError when one is invalid."""
    rendered = {argument: _rendered(stage, spec, argument, written) for argument, written in input_.args.items()}
    guild = (platform.default_guild() if isinstance(platform, Configurable) else None) or guild_of(stage.narrative)
    checked = check_arguments(spec, rendered, default_guild=guild)
    if checked.faults:
        fault = checked.faults[0]
        raise PlatformError(f"{fault.name} {fault.message}", do=fault.hint)
    for warning in checked.warnings:
        log("argument_clamped", run=stage.claim.run_id, command=spec.name, argument=warning.name)
    return PreparedCommand(
        stage=stage, act=act, name=name, input_=input_, platform=platform, spec=spec, args=checked.args
    )


def _rendered(stage: IterationContext, spec: CommandSpec, argument: str, written: Any) -> Any:
    """Render one argument. An id is text: an object from state is replaced by its `id`."""
    value = render_value(written, lambda reference: resolver(stage, reference))
    is_text = argument.endswith("_id") or (spec.args and argument in spec.args and spec.args[argument].type == "text")
    return as_text(value) if is_text else value
