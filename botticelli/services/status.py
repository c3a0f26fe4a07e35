"""Reports which services run and what they logged. Starts, stops and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from botticelli.errors import NotFound, ServiceUnavailable
from botticelli.services.files.locks import sharers
from botticelli.services.files.paths import Paths, last_lines
from botticelli.services.membership import servers_of
from botticelli.services.servers.server import Server, lives, recorded_pid

State = Literal["running", "stopped", "unresponsive"]
LOGS = ("postgres", "redis", "keeper", "model", "model-keeper")


@dataclass(frozen=True)
class ServiceStatus:
    """The state of one server. `version`, `uptime_seconds`: only while running; `pid`: unless stopped.

    users: processes that use the services of this home, None when they can't be counted; pinned: kept up by `up`;
    detail: why it is unresponsive (which includes starting up), else empty.
    """

    name: str
    state: State
    pid: int | None
    version: str | None
    uptime_seconds: float | None
    url: str
    data: Path
    log: Path
    users: int | None
    pinned: bool
    detail: str


def status(home: Path) -> list[ServiceStatus]:
    """Return the status of Postgres and Redis, started or not, and of the language model if it was ever started."""
    model = Paths(home, "model")
    crews = [Paths(home), *([model] if model.root.is_dir() else [])]
    return [_status(server, paths) for paths in crews for server in servers_of(paths)]


def _status(server: Server, paths: Paths) -> ServiceStatus:
    state: State = "stopped"
    version, uptime_seconds, detail = None, None, ""
    if lives(server):
        try:
            facts = server.ask()
            state, version, uptime_seconds = "running", facts.version, facts.uptime_seconds
        except ServiceUnavailable as error:
            state, detail = "unresponsive", error.what
    return ServiceStatus(
        name=server.name,
        state=state,
        pid=None if state == "stopped" else recorded_pid(server),
        version=version,
        uptime_seconds=uptime_seconds,
        url=server.url,
        data=paths.data(server.name),
        log=paths.log(server.name),
        users=sharers(paths.users),
        pinned=paths.pin.exists(),
        detail=detail,
    )


def logs(home: Path, name: str, lines: int = 50) -> list[str]:
    """Return the last `lines` lines of the log `name`, oldest first; [] when it never ran. Raises NotFound."""
    if name not in LOGS:
        raise NotFound(f"unknown log {name!r}", where="services logs", do=f"choose one of {', '.join(LOGS)}")
    paths = Paths(home, "model" if name.startswith("model") else "services")
    return last_lines(paths.log(name.removeprefix("model-")), lines)
