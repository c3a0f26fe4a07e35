"""`make demo-console`: servers, a worker, runs of which one waits for a person, and the console. Ctrl-C ends all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
import webbrowser
from contextlib import suppress
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
BIN = Path(sys.executable).parent
PORT = os.environ.get("PORT", "8080")
HOME = os.environ.get("BOTTICELLI_HOME", str(ROOT / ".botticelli" / "console"))
ENVIRON = {**os.environ, "BOTTICELLI_HOME": HOME, "PYTHONUNBUFFERED": "1"}
START_SECONDS, STOP_SECONDS = 180.0, 30.0
RUNS = (
    ("announcement", "--tag", "spring"),
    ("examples/daily_digest", "--model", "echo/echo", "--tag", "daily"),
    ("examples/generate_critique_refine", "--model", "echo/echo"),
)


def main() -> int:
    """Start everything, say where, and wait for Ctrl-C."""
    Path(HOME).mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{PORT}/"
    print(f"Starting embedded Postgres and Redis, a worker and the console (data: {HOME}).", flush=True)
    processes = [start(str(BIN / "botticelli"), "serve", "--port", PORT)]
    try:
        wait_for(address, processes[0])
        processes.append(start(str(BIN / "celery"), "-A", "botticelli", "worker", "--loglevel", "warning"))
        print(f"\nThe console is at {address}  Ctrl-C ends everything.", flush=True)
        if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin":
            webbrowser.open(address)
        for run in RUNS:
            botticelli("run", *run, "--detach")
        botticelli("schedules", "create", "announcement", "--name", "weekly", "--cron", "0 9 * * 1")
        print("Runs are under way, and something waits in the inbox.", flush=True)
        return processes[0].wait()
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in reversed(processes):
            stop(process)
        botticelli("services", "down", "--force")


def start(*command: str) -> subprocess.Popen[bytes]:
    """Start a process of its own group, so that Ctrl-C reaches this one alone, which ends it in order."""
    output = (Path(HOME) / f"{Path(command[0]).name}.log").open("ab")
    return subprocess.Popen(command, cwd=FOLDER, env=ENVIRON, stdout=output, stderr=output, start_new_session=True)  # noqa: S603


def botticelli(*arguments: str) -> None:
    subprocess.run([str(BIN / "botticelli"), *arguments], cwd=FOLDER, env=ENVIRON, check=False, capture_output=True)  # noqa: S603


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the console answers. Exits with the end of its log when it can't be started."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(address, timeout=30):  # noqa: S310
            return
        time.sleep(0.2)
    log = (Path(HOME) / "botticelli.log").read_text(encoding="utf-8", errors="replace")
    raise SystemExit(f"the console did not start:\n{log[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process in order; one that does not end is killed."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main())
