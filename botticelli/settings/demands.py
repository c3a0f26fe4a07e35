"""Whose settings count: what the operators of those who enqueued a run demand, and those of this process. All of them hold.

Demands travel with the run as plain data; they can only take something away. Limits and prices of providers don't travel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from botticelli.errors import InvalidInput
from botticelli.settings.definitions import BudgetsSettings, SecuritySettings, Settings, TablesSettings
from botticelli.settings.explain import in_plain_words

NO_DEMAND: Mapping[str, Any] = {
    "default_policy": "allow",
    "wire_policy": "allow",
    "confirmation_hours": 1_000_000.0,
    "max_iterations": None,
}
"""Of `[security]`, what demands nothing where it is not the default."""
FINGERPRINT_CHARACTERS = 8


class Demands(BaseModel):
    """What one operator demands of a run. `tables` is None where nothing is demanded of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    security: SecuritySettings = SecuritySettings()
    tables: TablesSettings | None = None
    budgets: BudgetsSettings = BudgetsSettings()


def demands_of(settings: Settings) -> Demands:
    """Of a process that stores or performs runs: all of its settings count, also those that nobody has set."""
    return Demands(security=settings.security, tables=settings.tables, budgets=settings.budgets)


def asked_demands(settings: Settings) -> dict[str, Any] | None:
    """For a request over the wire: only what is set, for a program that enqueues needs no settings. None for nothing."""
    security = settings.security.model_dump(mode="json", exclude_unset=True)
    tables = settings.tables.model_dump(mode="json", exclude_unset=True)
    budgets = settings.budgets.model_dump(mode="json", exclude_unset=True)
    found = {"security": security, "tables": tables, "budgets": budgets}
    return {name: table for name, table in found.items() if table} or None


def read_asked(said: Mapping[str, Any]) -> Demands:
    """The demands of a request. InvalidInput for what this version doesn't know: it can't be kept."""
    security = said.get("security")
    filled = {**said, "security": {**NO_DEMAND, **security}} if isinstance(security, Mapping) else dict(said)
    filled.setdefault("security", dict(NO_DEMAND))
    try:
        return Demands.model_validate(filled)
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(["demands", *map(str, detail["loc"])])
        do = "upgrade the workers, or send other demands"
        raise InvalidInput(f"{key} of the request: {in_plain_words(detail['msg'])}", do=do) from None


def stored(demands: Iterable[Demands]) -> list[dict[str, Any]]:
    """As plain data for the run's row, each once."""
    rows: list[dict[str, Any]] = []
    for one in demands:
        row = one.model_dump(mode="json")
        rows += [] if row in rows else [row]
    return rows


def read_stored(rows: Sequence[Mapping[str, Any]]) -> tuple[Demands, ...]:
    return tuple(Demands.model_validate(row) for row in rows)


def strictest_tables(settings: TablesSettings, demands: Iterable[Demands]) -> TablesSettings:
    """What all of them allow."""
    others = [one.tables for one in demands if one.tables is not None]
    return TablesSettings(
        allow=tuple(name for name in settings.allow if all(name in other.allow for other in others)),
        write=tuple(name for name in settings.write if all(name in other.write for other in others)),
        timeout_seconds=min([settings.timeout_seconds, *(other.timeout_seconds for other in others)]),
    )


def lowest_cap(name: str, settings: SecuritySettings, demands: Iterable[Demands]) -> int | None:
    """Of a cap of `[security]`; None where nobody has one."""
    caps = [getattr(one, name) for one in (settings, *(other.security for other in demands))]
    return min((cap for cap in caps if cap is not None), default=None)


def confirmation_hours(settings: SecuritySettings, demands: Iterable[Demands]) -> float:
    return min([settings.confirmation_hours, *(one.security.confirmation_hours for one in demands)])


def fingerprint(*settings: BaseModel | Mapping[str, Any]) -> str:
    """Short, and the same for the same values: to see whether the workers of a fleet have the same settings."""
    texts = [one.model_dump_json() if isinstance(one, BaseModel) else repr(sorted(one.items())) for one in settings]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:FINGERPRINT_CHARACTERS]
