"""Tries the published OpenAPI with generated requests on a real server: `make api-cases`, with CASES=10000.

schemathesis (dependency group `api`) is a program of an environment of its own. No answer may be a 500, and each must fit the
document.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.api_cases.seeds import sow, write_seeds

BESIDE = Path(sys.executable)
PROGRAM = str(BESIDE.with_name("botticelli"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
STREAMS = "/v1/(runs/\\{run_id\\}/events|events)$"
CERTAIN_CASES = 1_500
"""How many of the cases that the document itself gives are counted on: operations without parameters have few others."""
MIN_CASES = 2
NOTIFY_SECRET = "whsec_" + "c2VlZA" * 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--schemathesis", default=str(BESIDE.with_name("schemathesis")), help="its program")
    parser.add_argument("--include", default=".", help="only paths that match this expression")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cases") as name, served(Path(name)) as (client, environ):
        folder = Path(name)
        known = sow(client, folder, environ)
        # With the first token that a case creates, all others need one.
        token = client.post("/v1/tokens", json={"name": "cases", "scopes": ["admin"]}).json()["token"]
        document = client.get("/v1/openapi.json", headers=bearer(token)).json()
        (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
        operations = sum(len(item) for item in document["paths"].values())
        examples = max(MIN_CASES, -(-(given.cases - CERTAIN_CASES) // operations))
        command = [given.schemathesis, *options(str(client.base_url), examples, token, given.include, given.seed)]
        more = {"API_CASES_KNOWN": json.dumps(known), "API_CASES_TOKEN": token, "NO_PROXY": "*"}
        more["SCHEMATHESIS_HOOKS"] = "hooks"
        more["PYTHONPATH"] = str(Path(__file__).parent)
        code = subprocess.run(command, check=False, cwd=folder, env={**os.environ, **more}).returncode
        is_whole = judge(folder / "cases.ndjson", given.cases if given.include == "." else 0)
        # A token that a case had revoked would have made the rest of them a proof of 401 only.
        is_valid = client.get("/v1/tokens", headers=bearer(token)).is_success
        return code or int(not is_whole or not is_valid)


@contextmanager
def served(folder: Path) -> Iterator[tuple[httpx2.Client, dict[str, str]]]:
    """Serve an installation of its own in a folder."""
    write_seeds(folder)
    environ = {
        "BOTTICELLI_HOME": str(folder),
        "SEED_SECRET": "seed-secret-of-cases",
        "SEED_NOTIFY_SECRET": NOTIFY_SECRET,
    }
    command = [PROGRAM, "serve", "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environ}, cwd=folder)
    try:
        assert server.stdout is not None
        with httpx2.Client(base_url=json.loads(server.stdout.readline())["url"], timeout=60) as client:
            yield client, environ
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(120)
        down = [PROGRAM, "services", "down", "--force"]
        subprocess.run(down, env={**os.environ, **environ}, check=False, stdout=subprocess.DEVNULL)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def options(url: str, examples: int, token: str, include: str, seed: int | None) -> list[str]:
    """Return the command line: so many examples for each operation, without streams, which do not end."""
    chosen = ["run", "openapi.json", "--url", url.rstrip("/"), "--phases", "examples,coverage,fuzzing"]
    chosen += ["--max-examples", str(examples), "--checks", CHECKS, "--continue-on-failure", "--warnings", "off"]
    chosen += ["--include-path-regex", include, "--exclude-path-regex", STREAMS, "--request-timeout", "30"]
    chosen += ["--header", f"Authorization: Bearer {token}", "--suppress-health-check", "all"]
    chosen += ["--report", "ndjson", "--report-ndjson-path", "cases.ndjson"]
    return [*chosen, *(["--seed", str(seed)] if seed is not None else [])]


def judge(report: Path, cases: int) -> bool:
    """Print what was answered, by status, and the operations that no request was accepted by. False for too few cases."""
    statuses: Counter[int] = Counter()
    accepted: Counter[str] = Counter()
    seconds = 0.0
    for label, answer in answers(report):
        statuses[answer["status_code"]] += 1
        accepted[label] += answer["status_code"] < 300
        seconds += answer["elapsed"]
    each = ", ".join(f"{count:,} x {status}" for status, count in sorted(statuses.items()))
    print(f"{statuses.total():,} requests in {seconds:,.0f} s of the server: {each}")
    print(f"never accepted: {', '.join(label for label, count in accepted.items() if not count) or 'none'}")
    return statuses.total() >= cases


def answers(report: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each answer with its operation."""
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for interaction in recorder.get("interactions", {}).values():
                if interaction.get("response"):
                    yield recorder["label"], interaction["response"]


if __name__ == "__main__":
    sys.exit(main())
