"""What other programs pay for importing us, by what is imported: the time follows from it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("celery", "sqlalchemy", "redis", "pydantic", "alembic", "rich", "psycopg2", "fakeredis", "workers", "tasks")
SDKS = ("openai", "anthropic", "google", "httpx2", "xllamacpp")


def imported_by(module: str) -> set[str]:
    code = f"import {module}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("module", ["botticelli", "botticelli.client", "botticelli.messages", "botticelli.errors"])
def test_importing_it_imports_nothing_heavy(module: str) -> None:
    assert imported_by(module).isdisjoint({*HEAVY, *SDKS})


def test_public_names_are_found_on_first_use() -> None:
    code = "import botticelli; print(botticelli.Client.__name__, botticelli.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "Client"


def test_the_engine_knows_nothing_of_the_stage() -> None:
    assert imported_by("botticelli.carousel").isdisjoint({"workers", "tasks"})
