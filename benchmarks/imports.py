"""Measures the time and modules of `import botticelli` and `botticelli --help`: `python -m benchmarks.imports`.

The baseline is the same Python doing nothing. All are measured in turns; the best round counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

STARTS = {
    "python that does nothing": "pass",
    "import botticelli": "import botticelli",
    "import botticelli.client": "from botticelli.client import Client",
    "botticelli --help": "import sys; sys.argv = ['botticelli', '--help']; from botticelli.cli.main import main; main()",
}
"""Code for each way in which a user starts Botticelli."""
COUNT = "import atexit, sys\natexit.register(lambda: print(len(sys.modules), file=sys.stderr))\n"
ROUNDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of each start (default {ROUNDS})")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds)
    print(json.dumps(figures) if options.json else table(figures))


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Measure milliseconds from start to end of each process, and the number of modules that it loaded."""
    taken: dict[str, list[float]] = {name: [] for name in STARTS}
    modules = {name: int(_run(COUNT + code).stderr.split()[-1]) for name, code in STARTS.items()}
    for _ in range(rounds):
        for name, code in STARTS.items():
            started = time.perf_counter()
            _run(code)
            taken[name].append((time.perf_counter() - started) * 1000)
    return {name: {"ms": round(min(times), 1), "modules": modules[name]} for name, times in taken.items()}


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def table(figures: dict[str, dict[str, float]]) -> str:
    idle_ms = figures["python that does nothing"]["ms"]
    rows = ["| start | ms | above an idle Python | modules |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{name}` | {start['ms']:.0f} | {start['ms'] - idle_ms:.0f} | {start['modules']:.0f} |"
        for name, start in figures.items()
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
