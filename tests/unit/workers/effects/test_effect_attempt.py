"""Conclusions of an attempt from an earlier one: a result, leave to perform again, or an unknown outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from botticelli.errors import PlatformError, PlatformGone, PlatformTransient, PlatformUnknown
from botticelli.platforms import UNKNOWN, CommandOutput, CommandSpec, EffectIntent
from workers.effects.effect_attempt import NONCE_SECONDS, EffectAttempt, EffectLedger, OutcomeUnknown
from workers.effects.prepared_command import PreparedCommand

OUTPUT = CommandOutput(True, "created", data={"id": "7"})
YOUNG, OLD = 0.0, NONCE_SECONDS + 1.0
"""Ages of an effect: within the time for which a platform recognises its nonce, and after it."""


def effect(age_seconds: float = YOUNG, *, repeated: bool = True) -> EffectIntent:
    """Return an effect that was announced this long ago; its age goes on from now."""
    return EffectIntent(
        key="k",
        command="channels.create",
        args={},
        run_id="r",
        act="a",
        intended_at=datetime.now(UTC),
        repeated=repeated,
        age_seconds=age_seconds,
    )


class Blind:
    """A platform that performs every command, and can't look one up."""

    def __init__(self) -> None:
        self.performed = 0

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        self.performed += 1
        return OUTPUT


class Resolving(Blind):
    """A platform that looks commands up, with this answer or this error."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def resolve(self, announced: EffectIntent) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def attempt(platform: Blind, repeat: Any) -> EffectAttempt:
    spec = CommandSpec("channels.create", True, repeat, "channel")
    command = SimpleNamespace(platform=platform, spec=spec, with_retries=lambda request: request())
    return EffectAttempt(cast(PreparedCommand, command), cast(EffectLedger, None))


@pytest.mark.parametrize(
    ("repeat", "platform", "age_seconds", "expected"),
    [
        ("idempotent", Blind(), OLD, None),
        ("idempotent", Resolving(OUTPUT), OLD, None),
        ("nonce", Blind(), OLD, None),
        ("nonce", Resolving(OUTPUT), OLD, OUTPUT),
        ("nonce", Resolving(None), OLD, None),
        ("nonce", Resolving(PlatformError("no audit log")), YOUNG, None),
        ("lookup", Resolving(OUTPUT), YOUNG, OUTPUT),
        ("lookup", Resolving(None), YOUNG, None),
    ],
)
def test_earlier_result_is_what_the_platform_knows(
    repeat: str, platform: Blind, age_seconds: float, expected: object
) -> None:
    assert attempt(platform, repeat).earlier_result(effect(age_seconds)) is expected


@pytest.mark.parametrize(
    ("repeat", "platform", "age_seconds"),
    [
        ("once", Blind(), YOUNG),
        ("once", Resolving(OUTPUT), YOUNG),
        ("lookup", Blind(), YOUNG),
        ("lookup", Resolving(UNKNOWN), YOUNG),
        ("lookup", Resolving(PlatformError("no audit log")), YOUNG),
        ("nonce", Resolving(UNKNOWN), YOUNG),
        ("nonce", Resolving(PlatformError("no audit log")), OLD),
    ],
)
def test_earlier_result_is_unknown_when_the_platform_can_not_tell(
    repeat: str, platform: Blind, age_seconds: float
) -> None:
    with pytest.raises(OutcomeUnknown):
        attempt(platform, repeat).earlier_result(effect(age_seconds))


@pytest.mark.parametrize("error", [PlatformTransient("busy"), PlatformUnknown("lost"), PlatformGone("gone")], ids=repr)
@pytest.mark.parametrize("repeat", ["lookup", "nonce"])
def test_failed_look_up_is_no_answer(repeat: str, error: PlatformError) -> None:
    with pytest.raises(type(error)):
        attempt(Resolving(error), repeat).earlier_result(effect(OLD))


@pytest.mark.parametrize(("answer", "performed"), [(OUTPUT, 0), (None, 1)])
def test_repeated_effect_is_performed_only_when_it_is_not_there(answer: object, performed: int) -> None:
    platform = Resolving(answer)
    assert attempt(platform, "lookup")._execute(effect()) is OUTPUT
    assert platform.performed == performed


def test_lost_answer_is_looked_up_before_the_command_is_performed_again() -> None:
    class Losing(Resolving):
        def execute(self, *arguments: Any, **options: Any) -> CommandOutput:
            super().execute(*arguments, **options)
            raise PlatformUnknown("the connection was lost")

    platform = Losing(OUTPUT)
    assert attempt(platform, "lookup")._execute(effect(repeated=False)) is OUTPUT
    assert platform.performed == 1
