"""A plug-in for pytest: `-p tests.mutants.plugin` with MUTANT in the environment changes one file as it is read.

Nothing is written: Python's own loader and `Path.read_text` give the changed text, also in forked children.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from tests.mutants.catalogue import MUTANTS

_mutant = MUTANTS[os.environ["MUTANT"]]
_read_text, _get_data = Path.read_text, SourceFileLoader.get_data


def _mutated_text(self: Path, *args: Any, **options: Any) -> str:
    text = _read_text(self, *args, **options)
    return _mutant.mutated(text) if self == _mutant.path else text


def _mutated_data(self: SourceFileLoader, path: str) -> bytes:
    if self.path == str(_mutant.path):
        if path != self.path:
            raise FileNotFoundError(path)  # its bytecode is of the text as it is on the disk
        return _mutant.mutated(_get_data(self, path).decode()).encode()
    return _get_data(self, path)


sys.dont_write_bytecode = True
Path.read_text = _mutated_text  # type: ignore[method-assign]
SourceFileLoader.get_data = _mutated_data  # type: ignore[method-assign]
