"""Makes, changes and removes schedules by their definitions: one by one, or all of some files at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from botticelli.carousel.checks.media_and_tables import media_in
from botticelli.carousel.enqueuing.from_wire import load_by_name, load_text
from botticelli.carousel.scheduling.planned_narratives import hashes_of, options_of, prepare_scheduled
from botticelli.errors import InvalidInput
from botticelli.narrative import Loaded
from botticelli.runtime.process import Runtime
from botticelli.schedules.definition import ScheduleDefinition
from botticelli.schedules.definition_checks import faults_of
from botticelli.schedules.timetable import Timetable
from botticelli.security.request_checks import check_options
from botticelli.settings.demands import demands_of, stored
from botticelli.store import NewMedium, Schedule, StoredNarrative, Transaction

Action = Literal["create", "change", "keep", "prune"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A schedule that is to exist as it is written.

    `source` is what a live schedule reads each time; `file` is the file that was applied.
    """

    definition: ScheduleDefinition
    loaded: Loaded
    source: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """Change of one schedule; `differences` are one line each."""

    name: str
    action: Action
    differences: tuple[str, ...] = ()
    next_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checked:
    definition: ScheduleDefinition
    stored: StoredNarrative
    media: Mapping[str, NewMedium]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def wish_of(
    runtime: Runtime, definition: ScheduleDefinition, narrative: str | None = None, text: str | None = None
) -> Wish:
    """Return the wish for a narrative of the settings' folders, or for a text that nobody vouches for. InvalidInput."""
    if (narrative is None) == (text is None) or (definition.live and text is not None):
        do = "a live schedule needs a name" if definition.live else ""
        raise InvalidInput("give either the name of a narrative or its text", do=do)
    if text is not None:
        return Wish(definition, *load_text(runtime, text))
    loaded, source = load_by_name(runtime, str(narrative))
    return Wish(definition, loaded, str(narrative) if definition.live else source)


def create_schedule(runtime: Runtime, wish: Wish) -> ScheduleChange:
    """Make a schedule of a name that is free. Raises InvalidInput, NarrativeError."""
    checked = _checked(runtime, wish, _now(runtime))
    with runtime.store.transaction() as tx:
        if tx.schedules.find(*_identity(checked.definition)) is not None:
            raise _exists(checked.definition)
        return _insert(tx, checked)


def apply_schedules(
    runtime: Runtime, wishes: Sequence[Wish], *, prune: Sequence[Path] = (), dry_run: bool = False
) -> list[ScheduleChange]:
    """Make the schedules what the wishes say, all or none; the same wishes again change nothing.

    With `prune`, schedules that were applied from these files, or from files in these folders, and are not among the
    wishes are deleted. With `dry_run` nothing is written.
    """
    now = _now(runtime)
    checked = [_checked(runtime, wish, now) for wish in wishes]
    _require_different_names(checked, wishes)
    with runtime.store.transaction() as tx, tx.in_savepoint(dry_run):
        changes = [_apply(tx, each) for each in checked]
        identities = {_identity(each.definition) for each in checked}
        for schedule in tx.schedules.all() if prune else ():
            if (schedule.name, schedule.tenant) not in identities and _is_from(schedule, prune):
                tx.schedules.delete(schedule.id)
                changes.append(ScheduleChange(schedule.name, "prune", (f"was applied from {schedule.applied_from}",)))
    return changes


def redefine_schedule(
    runtime: Runtime, name: str, changes: Mapping[str, Any], *, matches: Callable[[Schedule], bool]
) -> tuple[Schedule, ScheduleChange | None]:
    """Change when a schedule fires; what it runs stays. Returns it with the change, None where it does not match.

    `changes` are fields of the definition. Raises NotFound, and InvalidInput for a definition that can't be kept.
    """
    with runtime.store.transaction() as tx:
        old = tx.schedules.lock(name)
        if not matches(old):
            return old, None
        definition = ScheduleDefinition.model_validate({**old.definition.model_dump(), **changes})
        for fault in faults_of(definition, old.now):
            raise InvalidInput(f"{fault.key}: {fault.message}", where=f"schedule {name}", do=fault.hint)
        before = tx.schedules.stored(old.id)
        change = _redefined(tx, old, _Checked(definition, before, {}, (), ()))
        return tx.schedules.named(old.id), change


def _now(runtime: Runtime) -> datetime:
    with runtime.store.transaction() as tx:
        return tx.schedules.now()


def _checked(runtime: Runtime, wish: Wish, now: datetime) -> _Checked:
    """Check the definition, and its runs as any request. Raises what enqueuing raises."""
    loaded = load_by_name(runtime, wish.source)[0] if wish.definition.live else wish.loaded
    narrative = loaded.narrative
    definition = wish.definition.model_copy(update={"name": wish.definition.name or narrative.name})
    where = f"{wish.file or wish.source}: schedule {definition.name}"
    for fault in faults_of(definition, now):
        raise InvalidInput(f"{fault.key}: {fault.message}", where=where, do=fault.hint)
    check_options(definition.request)
    prepared = prepare_scheduled(runtime, loaded, wish.source, options_of(definition.request))
    prepared.close()
    stored_narrative = StoredNarrative(
        narrative=narrative.name,
        source=wish.source,
        snapshot=None if definition.live else narrative.model_copy(update={"schedule": None}).snapshot(),
        media=() if definition.live else hashes_of(narrative),
        demands=stored([demands_of(runtime.settings)]),
        applied_from=wish.file,
    )
    media = {} if definition.live else media_in(loaded)
    return _Checked(definition, stored_narrative, media, prepared.warnings, prepared.notes)


def _require_different_names(checked: Sequence[_Checked], wishes: Sequence[Wish]) -> None:
    places: dict[tuple[str, str | None], str] = {}
    for each, wish in zip(checked, wishes, strict=True):
        identity, place = _identity(each.definition), wish.file or wish.source
        if identity in places:
            do = "give one of them another name in its [narrative.schedule]"
            raise InvalidInput(f"schedule {identity[0]} is also in {places[identity]}", where=place, do=do)
        places[identity] = place


def _identity(definition: ScheduleDefinition) -> tuple[str, str | None]:
    """Return what tells a schedule from all others: its name and its tenant."""
    return str(definition.name), definition.request.get("tenant")


def _apply(tx: Transaction, checked: _Checked) -> ScheduleChange:
    old = tx.schedules.find(*_identity(checked.definition))
    if old is None:
        return _insert(tx, checked)
    return _redefined(tx, old, checked)


def _redefined(tx: Transaction, old: Schedule, checked: _Checked) -> ScheduleChange:
    """Write a definition over that of a locked schedule, and return what is different."""
    before = tx.schedules.stored(old.id)
    differences = _differences(old, before, checked)
    if not differences:
        return ScheduleChange(old.name, "keep", next_at=old.next_at, warnings=checked.warnings, notes=checked.notes)
    tx.media.store(checked.media)
    table = Timetable(checked.definition)
    next_at = table.next_due(old.id, old.last_nominal)
    is_retimed = old.next_at is None or _times_of(old.definition) != _times_of(checked.definition)
    if is_retimed:
        next_at = table.next_due(old.id, old.now)
        tx.schedules.set(old.id, last_nominal=old.now)
    tx.schedules.define(old, checked.definition, checked.stored, next_at)
    after = tx.schedules.named(old.id)
    return ScheduleChange(old.name, "change", tuple(differences), after.next_at, checked.warnings, checked.notes)


def _insert(tx: Transaction, checked: _Checked) -> ScheduleChange:
    schedule_id, now = str(uuid.uuid4()), tx.schedules.now()
    tx.media.store(checked.media)
    next_at = Timetable(checked.definition).next_due(schedule_id, now)
    if not tx.schedules.insert(schedule_id, checked.definition, checked.stored, next_at):
        raise _exists(checked.definition)
    return ScheduleChange(str(checked.definition.name), "create", (), next_at, checked.warnings, checked.notes)


def _exists(definition: ScheduleDefinition) -> InvalidInput:
    do = "choose another --name, or delete that one first"
    return InvalidInput(f"there is a schedule {definition.name!r} already", do=do)


def _times_of(definition: ScheduleDefinition) -> tuple[Any, ...]:
    """Return what its nominal times depend on: when it changes, they count anew from now on."""
    timed = definition.crons, definition.every_seconds, definition.anchor, definition.timezone
    return (*timed, definition.starts_at, definition.ends_at)


def _differences(old: Schedule, before: StoredNarrative, checked: _Checked) -> list[str]:
    lines = []
    for name in ScheduleDefinition.model_fields:
        was, will = getattr(old.definition, name), getattr(checked.definition, name)
        if was != will:
            lines.append(f"{name}: {_shown(was)} -> {_shown(will)}")
    if before.snapshot != checked.stored.snapshot and not (old.live or checked.definition.live):
        lines.append("narrative: its text has changed")
    for name in ("narrative", "source", "applied_from"):
        was, will = getattr(before, name), getattr(checked.stored, name)
        if was != will:
            lines.append(f"{name}: {_shown(was)} -> {_shown(will)}")
    if list(before.demands) != list(checked.stored.demands):
        lines.append("settings: what they demand of its runs has changed")
    return lines


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return "none" if value is None else str(value)


def _is_from(schedule: Schedule, places: Sequence[Path]) -> bool:
    if schedule.applied_from is None:
        return False
    file = Path(schedule.applied_from)
    return any(file == place or place in file.parents for place in places)
