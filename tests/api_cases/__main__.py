"""Tries the published OpenAPI with generated requests on a real server: `make api-cases`, with CASES=10000.

Needs schemathesis (dependency group `api`). No answer may be a 500 or a 502, and each must fit the document.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2

PROGRAM = str(Path(sys.executable).with_name("botticelli"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
STREAMS = "/v1/(runs/\\{run_id\\}/events|events)$"
SEEDS = '[narrative]\nname = "greet"\n[acts.hello]\nmodel = "echo/echo"\nprompt = "Hello."\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cases") as folder:
        environ = {**os.environ, "BOTTICELLI_HOME": folder}
        command = [PROGRAM, "serve", "--port", "0", "--json"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, cwd=folder)
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            document = httpx2.get(f"{url}/v1/openapi.json", timeout=60).json()
            httpx2.post(f"{url}/v1/runs", json={"text": SEEDS}, timeout=60).raise_for_status()
            # With the first token that a case creates, all others need one.
            made = httpx2.post(f"{url}/v1/tokens", json={"name": "cases", "scopes": ["admin"]}, timeout=60).json()
            operations = sum(len(item) for item in document["paths"].values())
            file = Path(folder, "openapi.json")
            file.write_text(json.dumps(document), encoding="utf-8")
            return subprocess.run(
                schemathesis(url, file, max(1, given.cases // operations), given.seed, made["token"]), check=False
            ).returncode
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
            down = [PROGRAM, "services", "down", "--force"]
            subprocess.run(down, env=environ, check=False, stdout=subprocess.DEVNULL)


def schemathesis(url: str, document: Path, examples: int, seed: int | None, token: str) -> list[str]:
    """Return the command line: so many examples for each operation, without streams, which do not end."""
    program = str(Path(sys.executable).with_name("schemathesis"))
    chosen = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--checks", CHECKS]
    chosen += ["--exclude-path-regex", STREAMS, "--request-timeout", "30", "--continue-on-failure"]
    chosen += ["--header", f"Authorization: Bearer {token}"]
    return [program, "run", str(document), "--url", url, *chosen, *(["--seed", str(seed)] if seed is not None else [])]


if __name__ == "__main__":
    sys.exit(main())
