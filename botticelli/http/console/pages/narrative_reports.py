"""Reads the narratives of this installation for pages: their sources, and the problems at their lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botticelli.carousel.checks.command_checks import check_commands
from botticelli.carousel.checks.media_and_tables import check_media, media_limits
from botticelli.carousel.checks.parameter_checks import check_parameters
from botticelli.carousel.checks.run_checks import checked_plan
from botticelli.carousel.enqueuing.from_wire import find_narrative, narrative_folders
from botticelli.errors import BotticelliError, NarrativeError, NotFound, NotHere, Problem
from botticelli.narrative import Environment, Loaded, load_all
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime

MAX_FILES = 200
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class NarrativeFile:
    """A file of narratives: what is in it, or what is wrong with it."""

    name: str
    narratives: tuple[Narrative, ...]
    problems: int


@dataclass(frozen=True, slots=True)
class Report:
    """A checked file: its text, its narratives, and its problems."""

    file: Path
    text: str
    narratives: tuple[Narrative, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]

    def of_line(self, line: int) -> list[Problem]:
        return [problem for problem in self.problems if problem.line == line]

    @property
    def elsewhere(self) -> list[Problem]:
        """Problems that have no line of this text."""
        lines = self.text.count("\n") + 1
        return [problem for problem in self.problems if not 0 < problem.line <= lines]


def narrative_files(runtime: Runtime) -> list[NarrativeFile]:
    """List the narratives that can be enqueued by name; of two with the same name, the first."""
    files: dict[str, NarrativeFile] = {}
    for name in _names(runtime):
        if name in files or len(files) >= MAX_FILES:
            continue
        try:
            loaded = load_all(find_narrative(runtime, name), **_given(runtime))
        except BotticelliError as error:
            files[name] = NarrativeFile(name, (), len(_problems(error, name)))
        else:
            files[name] = NarrativeFile(name, tuple(each.narrative for each in loaded), 0)
    return sorted(files.values(), key=lambda file: file.name)


def check_file(runtime: Runtime, name: str) -> Report:
    """Check a file as `narrative check` does. NotFound for an unknown name."""
    file = find_narrative(runtime, name)
    if file.stat().st_size > MAX_BYTES:
        raise NotFound("the file is larger than 1 MB", do="look at it where it is")
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        loaded = load_all(file, **_given(runtime))
        warnings = [str(warning) for each in loaded for warning in each.warnings]
        for each in loaded:
            warnings += _warnings(runtime, each, str(file))
    except BotticelliError as error:
        return Report(file, text, (), tuple(_problems(error, str(file))), ())
    return Report(file, text, tuple(each.narrative for each in loaded), (), tuple(dict.fromkeys(warnings)))


def _warnings(runtime: Runtime, loaded: Loaded, source: str) -> list[str]:
    narrative = loaded.narrative
    warnings = check_commands(runtime, narrative, source, needs_token=False, is_sample=loaded.is_founding)
    try:
        plan = checked_plan(runtime, narrative, source, with_prices=False)
    except NotHere as error:
        return [*warnings, str(error)]
    check_media(runtime, plan, narrative, source)
    return [*warnings, *check_parameters(runtime, plan, narrative, source)]


def _problems(error: BotticelliError, source: str) -> list[Problem]:
    if isinstance(error, NarrativeError):
        return list(error.problems)
    return [Problem(error.where or source, 0, 0, "", "", error.what, error.do)]


def _given(runtime: Runtime) -> dict[str, Any]:
    """Return load arguments with placeholders for environment variables that are not set."""
    environment = Environment.for_wire(os.environ, runtime.settings.environment.allow).with_placeholders()
    return {
        "environment": environment,
        "context": runtime.settings.context_folders,
        "media_limits": media_limits(runtime.settings),
    }


def _names(runtime: Runtime) -> Iterator[str]:
    seen: set[Path] = set()
    for folder in narrative_folders(runtime):
        for file in sorted(folder.rglob("*.toml"))[:MAX_FILES] if folder.is_dir() else ():
            name = file.relative_to(folder).with_suffix("").as_posix()
            try:
                if find_narrative(runtime, name) == file and file not in seen:
                    seen.add(file)
                    yield name
            except NotFound:
                continue
