"""The wheel as a stranger gets it: one top-level name, and a narrative performed from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.narratives import narrative_text

ROOT = Path(__file__).parents[3]
FOREIGN_TASKS = "raise SystemExit('a foreign tasks.py was imported')\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that has the wheel, and its dependencies from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    purelib = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(purelib, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_botticelli_is_the_only_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"botticelli"}
    for carried in ("tasks/__init__.py", "workers/executor/iteration.py", "celeryconfig.py", "migrations/env.py"):
        assert f"botticelli/_app/{carried}" in names
    assert "botticelli/_app/narratives/narrative.schema.json" in names
    assert any(name.endswith(".lua") for name in names) and any(name.endswith("claim.sql") for name in names)


def test_it_performs_a_narrative_from_an_empty_folder_beside_a_foreign_tasks_py(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tasks.py").write_text(FOREIGN_TASKS)
    (tmp_path / "n.toml").write_text(narrative_text(3, estimated_tokens_per_iteration=100))
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BOTTICELLI_HOME": str(tmp_path / "data")}
    done = subprocess.run(
        [str(installed / "botticelli"), "run", "n.toml", "--json"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["successful_iterations"]) == ("run_finished", 3)


def test_shipped_narratives_are_found_by_name(installed: Path, tmp_path: Path) -> None:
    code = (
        "from botticelli.carousel import find_narrative; from botticelli.runtime.process import current; "
        "print(find_narrative(current(), 'daily_digest'))"
    )
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BOTTICELLI_HOME": str(tmp_path / "data")}
    done = subprocess.run(
        [str(installed / "python"), "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("botticelli/_app/narratives/examples/daily_digest.toml")
