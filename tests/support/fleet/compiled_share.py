"""Shares the compiling of a fresh clone among the processes of a run: each of them would compile everything."""

from __future__ import annotations

import compileall
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("botticelli", "workers", "tests")


def compile_share(config: pytest.Config) -> None:
    """Compile every fifth module, say, if this is one of five workers of pytest-xdist, and nothing in other processes."""
    worker = getattr(config, "workerinput", None)
    if worker is None or sys.dont_write_bytecode:
        return
    loader: SourceFileLoader = config.pluginmanager.rewrite_hook  # type: ignore[attr-defined]
    for path in share_of(int(worker["workerid"].removeprefix("gw")), worker["workercount"]):
        if path.name.startswith("test_") or path.name == "conftest.py":
            _rewrite(loader, path)
        else:
            compileall.compile_file(str(path), quiet=2)


def share_of(number: int, count: int) -> Sequence[Path]:
    """Return the modules of one of `count` workers."""
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))][number::count]


def _rewrite(loader: SourceFileLoader, path: Path) -> None:
    """Have pytest compile a test module and keep it: without builtins, it ends at its first import."""
    compiled = Path(cache_from_source(str(path)))
    tag = f"-pytest-{pytest.__version__}"
    if compiled.with_stem(compiled.stem + tag).exists():
        return
    module = ModuleType(path.stem)
    module.__spec__ = spec_from_file_location(path.stem, path, loader=loader)
    module.__dict__["__builtins__"] = {}
    with suppress(ImportError):
        loader.exec_module(module)
