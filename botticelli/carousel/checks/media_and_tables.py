"""Checks the media and tables of a narrative before a run exists. Fetches nothing, reads no row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botticelli.carousel.plan.planned_calls import Plan
from botticelli.drivers import ModelName, TakesMedia, media_refusal
from botticelli.errors import NarrativeError, Problem
from botticelli.narrative import Loaded
from botticelli.narrative.model import Act, BotCommandInput, MediaInput, MediaKind, Narrative, TableInput
from botticelli.narrative.parts.table_updates import read_update
from botticelli.narrative.source.media_store import MediaLimits
from botticelli.narrative.source.problems import did_you_mean
from botticelli.narrative.templates.row_filter import Refused
from botticelli.runtime.process import Runtime
from botticelli.security.safe_fetch import fault_of_url
from botticelli.settings import Settings

if TYPE_CHECKING:
    from botticelli.store import NewMedium, Transaction

BYTES_PER_MB = 1_000_000


def media_limits(settings: Settings) -> MediaLimits:
    return MediaLimits(settings.media.max_file_mb * BYTES_PER_MB, settings.media.max_total_mb * BYTES_PER_MB)


def media_in(loaded: Loaded) -> dict[str, NewMedium]:
    """Return the media that a run of the narrative stores, by SHA-256."""
    named = media_types(loaded.narrative)
    from botticelli.store import NewMedium

    return {sha256: NewMedium(mime, loaded.media[sha256]) for sha256, mime in named.items()}


def media_types(narrative: Narrative) -> dict[str, str]:
    """Return the MIME types of a narrative's stored media, by SHA-256."""
    return {medium.sha256: medium.mime for _, medium in _media_of(narrative) if medium.sha256 is not None}


def check_media(runtime: Runtime, plan: Plan, narrative: Narrative, source: str) -> None:
    """Raise NarrativeError for media that the act's model doesn't accept, and for URLs that can't be fetched."""
    problems = []
    for position, act in enumerate(narrative.acts):
        for input_ in act.inputs:
            if isinstance(input_, MediaInput) and (fault := _media_fault(runtime, plan, position, input_)) is not None:
                problems.append(Problem(source, input_.line or act.line, 1, f"act {act.name}", input_.type, fault))
    if problems:
        raise NarrativeError(problems)


def table_notes(runtime: Runtime, tx: Transaction, narrative: Narrative, source: str) -> list[str]:
    """Return a warning for each missing table, which an act or another run may still create."""
    settings = runtime.settings.tables
    from botticelli.store import Tables

    tables = Tables(tx.connection, allow=settings.allow, write=settings.write)
    notes = []
    contents = [narrative.content, *(act.scope.content for act in narrative.acts if act.scope)]
    made_here = {content.target for content in contents if content.is_generated}
    for act, query in _queries_of(narrative):
        pulls = _pulls(narrative, act, query)
        if query.table_name not in made_here and tables.find(query.table_name, to_write=pulls) is None:
            what = f"there is no table {query.table_name} that it may {'change' if pulls else 'read'} yet"
            notes.append(f"{source}:{query.line or act.line}: [act {act.name}] {what}")
    for template in dict.fromkeys(content.template for content in contents if content.template is not None):
        if tables.find(template) is None:
            notes.append(f"{source}: template: there is no table {template} that it may read yet")
    return notes + _unique_notes(tx, narrative, source)


def _unique_notes(tx: Transaction, narrative: Narrative, source: str) -> list[str]:
    """Return a warning for each column of `unique` that its table, which exists, doesn't have: nothing in it is compared."""
    notes = []
    for act in narrative.acts:
        unique = act.gate.unique if act.gate else None
        table = tx.content.get(unique.table) if unique else None
        if unique is not None and table is not None and unique.column not in table.columns:
            hint = did_you_mean(unique.column, table.columns, otherwise="the columns are")
            what = f"the content table {unique.table} has no column {unique.column} yet"
            notes.append(f"{source}:{act.line}: [act {act.name}] unique: {what}; {hint}")
    return notes


def check_pulls(narrative: Narrative, source: str) -> None:
    """Raise NarrativeError for pull_and_delete in a narrative that arrived as text: anybody may have sent it."""
    problems = [
        Problem(source, item.line, 1, f"act {act.name}", "pull_and_delete", "a narrative sent as text deletes no rows")
        for act, item in _queries_of(narrative)
        if _pulls(narrative, act, item)
    ]
    if problems:
        raise NarrativeError(problems)


def fetches_itself(runtime: Runtime, model: ModelName, kind: MediaKind) -> bool:
    """Return whether the provider itself fetches such media by URL."""
    driver = runtime.drivers.get(model.provider)
    return isinstance(driver, TakesMedia) and kind in driver.url_kinds(model.model)


def update_fault(command: BotCommandInput) -> str | None:
    """Return why this `update_table` can't be performed; None if it can."""
    try:
        read_update(command.args)
    except Refused as error:
        return str(error)
    return None


def _media_fault(runtime: Runtime, plan: Plan, position: int, media_input: MediaInput) -> str | None:
    call = plan[position]
    for model in (call.model, *(other.model for other in call.fallbacks)):
        if media_input.url is None or not fetches_itself(runtime, model, media_input.type):
            refusal = media_refusal(runtime.drivers.get(model.provider), model.model, media_input.type, by_url=False)
            if refusal is not None:
                return refusal
    if media_input.url is None or media_input.url.references:
        return None
    return fault_of_url("".join(str(part) for part in media_input.url.parts), runtime.settings.fetch)


def _pulls(narrative: Narrative, act: Act, table_input: TableInput) -> bool:
    return table_input.pull_and_delete and not narrative.content_for(act).preserve_source


def _media_of(narrative: Narrative) -> Iterator[tuple[Act, MediaInput]]:
    return ((act, input_) for act in narrative.acts for input_ in act.inputs if isinstance(input_, MediaInput))


def _queries_of(narrative: Narrative) -> Iterator[tuple[Act, TableInput]]:
    return ((act, input_) for act in narrative.acts for input_ in act.inputs if isinstance(input_, TableInput))
