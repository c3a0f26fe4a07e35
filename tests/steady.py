"""Runs the suite repeatedly beside busy processes, to find tests that fail by chance.

    python -m tests.steady --suite 3 --processes 10 --busy 6
    python -m tests.steady --suite 0 --processes 10 tests/integration/http

Runs the whole suite `--suite` times, then the tests with processes, servers or clocks, or those of the given paths,
`--processes` times. The exit code is 1 when any test failed; each failed test is printed with the number of its failures,
and the whole output of a round with one is in a file that is named. Ctrl-C ends it with what was seen until then.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
INTERRUPTED = 130
TIMED = ("tests/acceptance", "tests/chaos", "tests/integration")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep processors busy with `count` processes while the block runs."""
    processes = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], stderr=subprocess.DEVNULL) for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(paths: Sequence[str], workers: int) -> tuple[list[str], str]:
    """Run the tests once; return the failed ones, and the last line of pytest's output, with its file if any failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["pytest printed nothing"]
    closing = lines[-1].strip("= ")
    if done.returncode == 0:
        return [], closing
    with tempfile.NamedTemporaryFile("w", prefix="steady-", suffix=".log", delete=False) as log:
        log.write(done.stdout + done.stderr)
    return FAILED.findall(done.stdout) or [f"pytest ended with {done.returncode}"], f"{closing}; see {log.name}"


def main() -> int:
    """Print a line for each round, then each failed test; return 1 if any test failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=int, default=3, help="how often the whole suite runs")
    parser.add_argument(
        "--processes", type=int, default=10, help="how often tests with processes, servers or clocks run"
    )
    parser.add_argument("--busy", type=int, default=6, help="busy processes beside them")
    parser.add_argument("--workers", type=int, default=3, help="tests side by side")
    parser.add_argument("paths", nargs="*", default=TIMED, help="what the later rounds run instead of all such tests")
    options = parser.parse_args()
    rounds = [("suite", ())] * options.suite + [("processes", tuple(options.paths))] * options.processes
    failures: Counter[str] = Counter()
    ended = 0
    with suppress(KeyboardInterrupt), busy(options.busy):
        for number, (name, paths) in enumerate(rounds, 1):
            started = time.monotonic()
            failed, closing = run(paths, options.workers)
            failures.update(failed)
            ended = number
            seconds = time.monotonic() - started
            print(f"{number} of {len(rounds)}, {name}: {closing} ({seconds / 60:.1f} min)", flush=True)
    for test, count in failures.most_common():
        print(f"failed {count} of {ended}: {test}")
    if ended < len(rounds):
        print(f"interrupted after {ended} of {len(rounds)} rounds")
        return INTERRUPTED
    print("steady" if not failures else f"{len(failures)} tests are not steady")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
