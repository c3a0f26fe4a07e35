"""The narratives of a folder, while other programs work in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from botticelli.loading.narrative_folders import narratives_in

NARRATIVE = '[narrative]\nname = "n"\n[acts.only]\nprompt = "hello"\n'


@pytest.mark.parametrize("vanishing", ["drafts", ".botticelli"])
def test_narratives_of_folder_are_found_while_folder_below_vanishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vanishing: str
) -> None:
    for name in ("kept/a.toml", f"{vanishing}/b.toml", "z.toml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(NARRATIVE)
    scandir = os.scandir

    def scan(folder: Any) -> Any:
        if not isinstance(folder, int) and Path(folder).name == vanishing:
            shutil.rmtree(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", scan)
    assert list(narratives_in(tmp_path)) == [tmp_path / "kept/a.toml", tmp_path / "z.toml"]


def test_narratives_of_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("shown.toml", ".hidden.toml", ".hidden/a.toml", "below/.hidden/a.toml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(NARRATIVE)
    assert list(narratives_in(tmp_path)) == [tmp_path / "shown.toml"]
