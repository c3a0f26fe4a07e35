"""Provides fixtures that load a narrative from text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Environment, Loaded, parse_narrative

VALUES = {"TEST_GUILD_ID": "4242", "CHAT_TOKEN": "canary-1", "PLAIN": "canary-2"}


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Loaded]:
    """Load text as the local file `story.toml` in an empty folder."""

    def load_text(text: str) -> Loaded:
        environment = Environment.for_local_files(VALUES)
        return parse_narrative(text, source="story.toml", folder=tmp_path, environment=environment)

    return load_text


@pytest.fixture
def complaints(load: Callable[[str], Loaded]) -> Callable[[str], list[str]]:
    """Return the lines of all problems of a text; none when it loads."""

    def lines(text: str) -> list[str]:
        try:
            load(text)
        except NarrativeError as error:
            return [str(problem) for problem in error.problems]
        return []

    return lines
