"""Effects as they are announced, counted and read: frozen rows, without SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from botticelli.statuses import EffectStatus, Resolution


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect to announce.

    The same `key` is the same effect, whichever worker tries it. `capture` names the state keys that receive its id
    when a person resolves it as done.
    """

    key: str
    run_id: str
    number: int
    act: str
    platform: str
    command: str
    args: Mapping[str, Any]
    fencing_token: int
    capture: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EffectRecord:
    """An effect as it is after an announcement.

    `tries` is 0 when this is the first announcement; `age_seconds` counts from the first one. `earlier` (the status) and
    `resolution` are as they were before this one.
    """

    status: EffectStatus
    output: Any
    error: str | None
    tries: int
    intended_at: datetime
    age_seconds: float
    resolution: Resolution | Literal["retried"] | None = None
    earlier: EffectStatus | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """The approval of an effect. `status` is waiting, approved or rejected, or that of an effect that has begun.

    `edited_args` are the arguments as they were edited with the approval; None when they are as prepared.
    """

    status: EffectStatus
    decided_by: str | None
    decision_reason: str | None
    expires_at: datetime | None
    edited_args: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EffectCount:
    """Numbers of effects that have begun. `free_seconds`: time until the oldest of the hour no longer counts."""

    of_run: int
    of_hour: int
    free_seconds: float | None


@dataclass(frozen=True, slots=True)
class ConflictingEffect:
    """An unfinished effect that creates the same name as another one. `is_held`: a worker may still perform it."""

    key: str
    run_id: str
    act: str
    args: Mapping[str, Any]
    intended_at: datetime
    age_seconds: float
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One change that a bot command makes outside, as it stands now.

    `key` is its id; `number` the iteration and `act` the act that it belongs to; `args` are the arguments of the
    `command`, and `prepared_args` what they were before somebody edited them (None when nobody did). `output` is the
    platform's result as JSON, None unless it is done. An effect that needs an approval has `expires_at`, when the
    request or the approval ends. `decided_by` is who approved or rejected it, `resolved_by` who said what became of
    it after its outcome was unknown. Times are aware datetimes.
    """

    key: str
    run_id: str
    number: int
    act: str
    platform: str
    command: str
    args: Mapping[str, Any]
    status: EffectStatus
    output: Any = None
    error: str | None = None
    tries: int = 0
    resolution: Resolution | Literal["retried"] | None = None
    resolved_by: str | None = None
    decided_by: str | None = None
    decision_reason: str | None = None
    intended_at: datetime
    finished_at: datetime | None = None
    resolved_at: datetime | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None
    prepared_args: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEffect(Effect):
    """An effect that can be approved or rejected now. `rehearse`: approving it performs nothing outside."""

    narrative: str
    rehearse: bool
