"""Room on the disk is looked at before anything is made there, and a program's reason is found in what it wrote."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.disk import real_reason, require_room
from botticelli.services.files.paths import Paths
from botticelli.services.servers import non_root
from botticelli.services.servers.postgres import CLUSTER_MB, Postgres

Usage = namedtuple("Usage", "total used free")


def test_disk_without_room_is_said_with_both_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(20_000_000, 1_000_000, 19_000_000))
    with pytest.raises(ServiceUnavailable, match="needs 100 MB, and 19 MB are free there; make room") as refused:
        require_room(tmp_path / "not" / "there", 100, "a new embedded Postgres")
    assert str(tmp_path) in refused.value.where
    require_room(tmp_path, 19, "something small")


def test_new_cluster_is_refused_without_room_and_an_old_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(20_000_000, 1_000_000, 19_000_000))
    monkeypatch.setattr(non_root, "identity", lambda *_: None)
    postgres = Postgres(Paths(tmp_path / "home"))
    with pytest.raises(ServiceUnavailable, match=f"a new embedded Postgres needs {CLUSTER_MB} MB"):
        postgres.check()
    postgres.data.mkdir(parents=True)
    (postgres.data / "PG_VERSION").write_text("18")
    postgres.check()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("a\ninitdb: error: could not create directory: No space left on device\ninitdb: removing data directory\n",
         "initdb: error: could not create directory: No space left on device"),
        ("FATAL:  could not write to file: No space left\nchild process exited with exit code 1\n",
         "FATAL:  could not write to file: No space left"),
        ("one\ntwo\n\n", "two"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_reason_is_the_line_that_names_the_error(output: str, reason: str) -> None:
    assert real_reason(output) == reason
