"""The price that other programs pay for importing us, by what is imported: the time follows from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("celery", "sqlalchemy", "redis", "pydantic", "alembic", "rich", "psycopg2", "fakeredis", "workers", "tasks")
SDKS = ("genai_prices", "openai", "anthropic", "google", "httpx2", "xllamacpp")


def imported_by(module: str, *names: str) -> set[str]:
    statement = f"from {module} import {', '.join(names)}" if names else f"import {module}"
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("module", ["botticelli", "botticelli.client", "botticelli.messages", "botticelli.errors"])
def test_importing_it_imports_nothing_heavy(module: str) -> None:
    assert imported_by(module).isdisjoint({*HEAVY, *SDKS})


def test_client_and_its_options_import_nothing_heavy() -> None:
    names = ("Client", "RunHandle", "EnqueueOptions", "WaitTimeout")
    assert imported_by("botticelli.client", *names).isdisjoint({*HEAVY, *SDKS})


def test_public_names_are_found_on_first_use() -> None:
    code = "import botticelli; print(botticelli.Client.__name__, botticelli.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "Client"


def test_the_engine_knows_nothing_of_the_stage() -> None:
    assert imported_by("botticelli.carousel").isdisjoint({"workers", "tasks"})


WORKER = """
import sys, json
from pathlib import Path
import botticelli.celery
import workers.process.lifecycle, workers.executor.iteration
from botticelli.runtime.heartbeats import own_facts
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

folder = Path(sys.argv[1])
runtime = Runtime(load_settings({}, environ={"BOTTICELLI_HOME": sys.argv[1]}, cwd=folder))
own_facts(runtime)
imported = ["genai_prices" in sys.modules]
for name in ("echo/echo", "local/smollm2", "openai/gpt-6-luna"):
    runtime.price(runtime.drivers.resolve(name)).reserved_usd(10, 10)
    imported.append("genai_prices" in sys.modules)
print(json.dumps(imported))
"""


def test_price_list_is_imported_by_the_first_price_of_a_paid_model(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WORKER, str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, False, False, True]
