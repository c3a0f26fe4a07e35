"""A command line in an empty folder with a data directory of its own, and no setting from outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from botticelli.cli.main import root

Call = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("BOTTICELLI_") or name in ("DATABASE_URL", "REDIS_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BOTTICELLI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def call(home: Path) -> Call:
    """`call("runs", "show")` is what the shell would do; nothing of it may need a service."""
    return lambda *arguments: CliRunner().invoke(root, list(arguments))
