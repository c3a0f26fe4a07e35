"""Starts processes that do nothing but fire schedules, forked from a server of their own that has no thread."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path

from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from botticelli.telemetry import failpoints
from workers.recovery.duties.due_schedules import DueSchedules

PAUSE_SECONDS = 0.05
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([__name__])


def start_firing(runtime: Runtime, folder: Path, *, points: Path | None = None) -> BaseProcess:
    """Start a process that fires what is due until it is killed; `points` is the folder of its failpoints."""
    settings = runtime.settings
    flags = {
        "database.url": runtime.database_url,
        "redis.url": runtime.redis_url,
        "redis.prefix": settings.redis.prefix,
    }
    process = _server.Process(target=_fire_for_ever, args=(flags, folder, points), daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """Kill a process with SIGKILL, as a power cut would."""
    process.kill()
    process.join(60)
    process.close()


def _fire_for_ever(flags: dict[str, str], folder: Path, points: Path | None) -> None:
    failpoints._folder = None if points is None else str(points)
    settings = load_settings(flags, environ={"BOTTICELLI_HOME": str(folder)}, cwd=folder)
    duty, pause = DueSchedules(Runtime(settings)), threading.Event()
    while True:
        duty.run()
        pause.wait(PAUSE_SECONDS)
