"""Checks of `botticelli doctor`: each runs on its own, so that a failure hides no other check. Repairs nothing."""

from __future__ import annotations

import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from redis.exceptions import RedisError
from sqlalchemy import text

from botticelli import services
from botticelli.budget.figure_age import MAX_DAYS
from botticelli.cli.base.context import Invocation
from botticelli.cli.base.error_lines import described
from botticelli.cli.system.limit_checks import old_figures
from botticelli.cli.system.model_facts import model_facts
from botticelli.cli.system.notice_checks import target_lines
from botticelli.drivers import Driver, ReadsKey, ReportsReadiness
from botticelli.errors import BotticelliError
from botticelli.loading.app_folder import app_folder
from botticelli.platforms import Configurable
from botticelli.runtime.heartbeats import STALLED, fleet, live_workers, own_facts, worker_troubles
from botticelli.settings import shown_url
from botticelli.settings.network import connection_fault
from botticelli.store.connection.database import make_engine, schema_status
from botticelli.store.connection.sessions import connected

State = Literal["ok", "note", "warn", "fail"]
"""`note`: not set up, and not used by these settings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Holds the result of one check: its `detail`, and what to `do` unless it is ok."""

    name: str
    state: State
    detail: str
    do: str = ""


OLDEST_PYTHON = (3, 11)
CLOCK_SECONDS = 1.0
Check = Callable[[Invocation], Iterator[Finding]]


def run_checks(invocation: Invocation) -> Iterator[Finding]:
    """Yield the findings of all checks, causes before their consequences."""
    invocation.settings  # noqa: B018  (unreadable settings are an error, not a finding)
    for name, check in CHECKS.items():
        yield from guarded(name, check(invocation))


def guarded(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings of a check, and a failed finding in place of an exception."""
    try:
        yield from findings
    except Exception as error:
        do = error.do if isinstance(error, BotticelliError) else ""
        detail = error.what if isinstance(error, BotticelliError) else described(error)
        yield Finding(name, "fail", detail, do or "see the message")


def alive(invocation: Invocation) -> Iterator[Finding]:
    """Check that a worker of this host has sent a heartbeat lately and that its consumer is not stalled."""
    try:
        workers, troubled = live_workers(invocation.runtime), worker_troubles(invocation.runtime)
    except RedisError as error:
        yield Finding("worker", "warn", f"Redis doesn't answer ({type(error).__name__})", "wait until Redis is back")
        return
    ours = [name for name in workers if name.rpartition(":")[0] == socket.gethostname()]
    if not ours:
        yield Finding("worker", "fail", f"no worker on {socket.gethostname()} is alive", "restart it")
    for name in ours:
        words = troubled.get(name, "")
        state: State = "fail" if STALLED in words else "warn" if words else "ok"
        yield Finding("worker", state, f"{name}: {words or 'alive'}", "restart it" if state == "fail" else "")


def _python(invocation: Invocation) -> Iterator[Finding]:  # noqa: ARG001 (all checks take it)
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("python", "ok", platform.python_version())
    else:
        yield Finding("python", "fail", platform.python_version(), "use Python 3.11 or newer")


def _settings(invocation: Invocation) -> Iterator[Finding]:
    settings = invocation.settings
    file = invocation.settings_file or "no botticelli.toml"
    yield Finding("settings", "ok", f"{file}; default model {settings.default_model}")
    yield Finding("home", "ok", str(settings.home))


def _embedded(invocation: Invocation) -> Iterator[Finding]:
    reason, settings = services.available(), invocation.settings
    needed = not (settings.database.url and settings.redis.url)
    if reason is None:
        detail = "Postgres and Redis are installed"
        yield Finding("embedded", "ok", detail if needed else f"{detail}, not used by these settings")
    else:
        do = "set BOTTICELLI_DATABASE_URL and BOTTICELLI_REDIS_URL to your own servers"
        yield Finding("embedded", "fail" if needed else "ok", reason, do if needed else "")


def _postgres(invocation: Invocation) -> Iterator[Finding]:
    url, origin = invocation.runtime.database_url, invocation.settings.where("database", "url")
    engine = make_engine(url, pool_size=1, statement_timeout_seconds=10, origin=origin)
    try:
        with connected(engine) as connection:
            version = connection.execute(text("show server_version")).scalar_one()
            before = time.time()
            there = connection.execute(text("select clock_timestamp()")).scalar_one()
            yield Finding("postgres", "ok", f"version {version} at {shown_url(url)}")
            yield _clock("postgres-clock", before, there)
        schema = schema_status(engine)
    finally:
        engine.dispose()
    if schema.up_to_date:
        yield Finding("schema", "ok", schema.required)
    elif invocation.settings.database.url is None:
        yield Finding("schema", "ok", f"{schema.current or 'empty'}; upgraded to {schema.required} on first use")
    else:
        detail = f"is {schema.current or 'empty'}, this version needs {schema.required}"
        yield Finding("schema", "fail", detail, "run `botticelli db upgrade`")


def _redis(invocation: Invocation) -> Iterator[Finding]:
    client = invocation.runtime.redis
    invocation.runtime.require_redis()
    info = client.info("server")
    place = shown_url(invocation.runtime.redis_url)
    yield Finding("redis", "ok", f"version {info['redis_version']}, noeviction, at {place}")
    before = time.time()
    seconds, microseconds = client.time()
    yield _clock("redis-clock", before, datetime.fromtimestamp(seconds + microseconds / 1e6, UTC))


def _clock(name: str, before: float, there: datetime) -> Finding:
    """Check that a server's clock agrees with ours, read before and after the query, within CLOCK_SECONDS."""
    offset_seconds = there.timestamp() - (before + time.time()) / 2
    detail = f"{offset_seconds:+.3f} s from this machine's"
    if abs(offset_seconds) <= CLOCK_SECONDS:
        return Finding(name, "ok", detail)
    return Finding(name, "warn", detail, "set both machines up with NTP; budgets and leases use the server's clock")


def _drivers(invocation: Invocation) -> Iterator[Finding]:
    drivers, settings = invocation.runtime.drivers, invocation.settings
    for name in drivers.names():
        try:
            driver = drivers.get(name)
        except BotticelliError as error:
            yield Finding("driver", "fail", f"{name}: {error.what}", error.do or "see the message")
        else:
            yield _driver(driver, name, is_configured=name in settings.drivers)
    yield _default_model(invocation)


def _default_model(invocation: Invocation) -> Finding:
    """Say which model a run uses that names none, with its limits and its price."""
    runtime = invocation.runtime
    chosen = runtime.default_model
    model = runtime.drivers.resolve(chosen.model)
    if model.provider == "echo":
        do = f"set {' or '.join(chosen.missing_keys)}" if chosen.missing_keys else "set default_model"
        return Finding("model", "warn", f"the default model is {model}: no model is called", do)
    return Finding("model", "ok", "; ".join([chosen.note or f"model {model}", *model_facts(runtime, model)]))


def _limits(invocation: Invocation) -> Iterator[Finding]:
    """Check the age of the limits of the models that can be called here."""
    old = list(old_figures(invocation.runtime, datetime.now(UTC).date()))
    yield from (Finding("limits", "warn", detail, do) for detail, do in old)
    if not old:
        yield Finding("limits", "ok", f"no published figure is older than {MAX_DAYS} days")


def _driver(driver: Driver, name: str, *, is_configured: bool) -> Finding:
    """Check the SDK and the key of a driver, without showing the key; an unused driver is only a note."""
    if not isinstance(driver, ReportsReadiness):
        return Finding("driver", "ok", f"{name}: answers offline, for demos and tests" if name == "echo" else name)
    readiness = driver.readiness()
    keys = " or ".join(readiness.key_names)
    parts = [f"{name}: SDK {'missing' if readiness.sdk_missing else 'installed'}"]
    if readiness.has_key is not None:
        parts.append(f"{keys} is {'set' if readiness.has_key else 'not set'}")
    parts += [f"base_url {shown_url(readiness.base_url)}"] if readiness.base_url else []
    fault = driver.key_fault() if isinstance(driver, ReadsKey) and readiness.has_key else readiness.fault
    if fault is not None:
        return Finding("driver", "fail", ", ".join([*parts, fault]), "correct that")
    needs_key = readiness.has_key is False and readiness.base_url is None
    do = readiness.sdk_missing or (f"set {keys} to use it" if needs_key else "")
    is_used = is_configured or bool(readiness.has_key)
    state: State = "ok" if not do else "warn" if is_used else "note"
    return Finding("driver", state, ", ".join(parts), do)


def _network(invocation: Invocation) -> Iterator[Finding]:  # noqa: ARG001 (all checks take it)
    """Check that the proxies and certificates named in the environment can be used."""
    fault = connection_fault()
    if fault is None:
        yield Finding("network", "ok", "proxies and certificates in the environment are usable")
    else:
        yield Finding("network", "fail", f"{fault.where}: {fault.what}", fault.do)


def _platforms(invocation: Invocation) -> Iterator[Finding]:
    platforms = invocation.runtime.platforms
    for name in sorted({*invocation.settings.platforms, "discord"}):
        platform = platforms.get(name)
        lack = platform.missing_requirement() if isinstance(platform, Configurable) else None
        if lack is not None:
            yield Finding("platform", "warn", *lack)
        elif platform.is_rehearsal:
            do = f"to perform them, change [platforms.{name}] implementation"
            yield Finding("platform", "warn", f"commands of {name} are rehearsed offline", do)
        else:
            yield Finding("platform", "ok", f"commands of {name} are performed")


def _narratives(invocation: Invocation) -> Iterator[Finding]:
    settings = invocation.settings
    folders = [settings.base / folder for folder in settings.narratives.path]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    shipped = app_folder() / "narratives"
    if not missing:
        yield Finding("narratives", "ok", ", ".join(map(str, folders)))
    elif "narratives" in settings.model_fields_set:
        yield Finding("narratives", "warn", f"no folder {', '.join(missing)}", "create it, or change [narratives] path")
    else:
        yield Finding("narratives", "ok", f"no folder {', '.join(missing)}; names are looked up in {shipped}")


def _workers(invocation: Invocation) -> Iterator[Finding]:
    workers, troubled = live_workers(invocation.runtime), worker_troubles(invocation.runtime)
    for worker, words in troubled.items():
        yield Finding("worker", "fail", f"{worker}: {words}", "fix this, or restart it")
    if workers:
        yield Finding("workers", "ok", ", ".join(workers))
        yield from _differences(invocation)
    else:
        do = "`botticelli run` starts one for its run; `celery -A botticelli worker` starts a permanent one"
        yield Finding("workers", "warn", "none is alive", do)


def _differences(invocation: Invocation) -> Iterator[Finding]:
    """Yield a warning for each worker whose settings differ from those of this process."""
    own = own_facts(invocation.runtime)
    for facts in fleet(invocation.runtime):
        if facts.demands not in (None, own["demands"]):
            detail = f"{facts.worker}: [security], [tables] or [budgets] differ from the settings here"
            do = "give all the same settings; until then the stricter of both applies to each run"
            yield Finding("workers", "warn", detail, do)
        if facts.limits not in (None, own["limits"]):
            detail = f"{facts.worker}: limits or prices of models differ from the settings here"
            yield Finding(
                "workers", "warn", detail, "give all the same settings; until then each worker counts by its own"
            )
        if facts.notify not in (None, own["notify"]):
            detail = f"{facts.worker}: [[notify]] differs from the settings here"
            yield Finding(
                "workers", "warn", detail, "give all the same; until then, the worker that takes a notice decides"
            )


def _notices(invocation: Invocation) -> Iterator[Finding]:
    """Check that each target of notices can be told."""
    for state, detail, do in target_lines(invocation.runtime):
        yield Finding("notify", state, detail, do)


def _webhooks(invocation: Invocation) -> Iterator[Finding]:
    """Check that each webhook can be received with the variables of this process."""
    from botticelli.webhooks.overview import list_webhooks

    for view in list_webhooks(invocation.runtime):
        if view.problem is not None:
            yield Finding("webhooks", "fail", view.problem, "correct this where `botticelli serve` runs")
        else:
            yield Finding(
                "webhooks", "ok", f"{view.name}: {view.verify}, {view.narrative or 'buttons of approvals only'}"
            )


CHECKS: dict[str, Check] = {
    "python": _python,
    "settings": _settings,
    "embedded": _embedded,
    "postgres": _postgres,
    "redis": _redis,
    "network": _network,
    "driver": _drivers,
    "limits": _limits,
    "platform": _platforms,
    "narratives": _narratives,
    "notify": _notices,
    "webhooks": _webhooks,
    "workers": _workers,
}
