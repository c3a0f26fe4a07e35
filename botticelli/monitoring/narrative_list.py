"""Lists the narratives of folders, and says whether a narrative of a request can be performed. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botticelli.carousel.checks.command_checks import check_commands
from botticelli.carousel.checks.media_and_tables import media_limits
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest, prepare
from botticelli.carousel.enqueuing.from_wire import load_named, narrative_folders
from botticelli.carousel.plan.planned_calls import plan_iteration
from botticelli.errors import BotticelliError, NarrativeError
from botticelli.loading.narrative_folders import narratives_in
from botticelli.monitoring.narrative_acts import resolved
from botticelli.narrative import Environment, Narrative, load_all
from botticelli.runtime.process import Runtime
from botticelli.settings import Settings


def listed(settings: Settings, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield an entry for each narrative of a folder: name, description, acts and iterations.

    `problems` counts the problems of its file (the other fields are None then); `needs` names environment variables
    that are not set.
    """
    for file in narratives_in(folder):
        try:
            narratives, needs = _loaded(settings, file)
        except BotticelliError as error:
            unknown = dict.fromkeys(("name", "description", "acts", "iterations"))
            yield {
                "file": str(file),
                **unknown,
                "problems": len(error.problems) if isinstance(error, NarrativeError) else 1,
                "needs": [],
            }
            continue
        for narrative in narratives:
            turns = narrative.carousel.iterations if narrative.carousel else 1
            about = {"name": narrative.name, "description": narrative.description, "acts": len(narrative.acts)}
            yield {"file": str(file), **about, "iterations": turns, "problems": 0, "needs": needs}


def _loaded(settings: Settings, file: Path) -> tuple[list[Narrative], list[str]]:
    """Load all narratives of a file; return them and the names of unset environment variables. NarrativeError."""
    environment = Environment.for_local_files(os.environ, settings.environment.allow).with_placeholders()
    limits = media_limits(settings)
    loaded = load_all(file, environment=environment, context=settings.context_folders, media_limits=limits)
    return [each.narrative for each in loaded], environment.missing


def list_narratives(runtime: Runtime) -> list[dict[str, Any]]:
    """List the narratives that can be enqueued by name, with the file without its folder; the first of a name counts."""
    entries: dict[str, dict[str, Any]] = {}
    for folder in narrative_folders(runtime):
        for entry in listed(runtime.settings, folder) if folder.is_dir() else ():
            file = Path(entry["file"])
            name = file.relative_to(folder).with_suffix("").as_posix()
            shown_name = name if entry["name"] in (None, file.stem) else f"{name}#{entry['name']}"
            about = {field: entry[field] for field in ("description", "acts", "iterations", "problems")}
            entries.setdefault(shown_name, {"name": shown_name, "file": file.name, **about})
    return [entries[name] for name in sorted(entries)]


def check_requested(
    runtime: Runtime, *, narrative: str | None, text: str | None, name: str | None, rehearse: bool
) -> dict[str, Any]:
    """Check a narrative as enqueuing does, and store nothing. Raises what `enqueue` raises."""
    loaded, source = load_named(runtime, narrative=narrative, text=text, name=name)
    prepared = prepare(runtime, loaded, source, EnqueueRequest(rehearse=rehearse))
    prepared.close()
    return {"narrative": loaded.narrative.name, "warnings": [*prepared.warnings, *prepared.notes]}


def describe_requested(
    runtime: Runtime, *, narrative: str | None, text: str | None, name: str | None
) -> dict[str, Any]:
    """Describe a narrative act by act. Raises NarrativeError, InvalidInput."""
    loaded, source = load_named(runtime, narrative=narrative, text=text, name=name)
    check_commands(runtime, loaded.narrative, source, rehearse=True)
    return resolved(runtime, loaded.narrative, plan_iteration(runtime, loaded.narrative, {}))
