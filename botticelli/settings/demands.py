"""Combines the settings of the operators who enqueued a run with those of this process: all of them apply.

Demands travel with the run as plain data; they can only restrict. Limits and prices of providers don't travel.
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
    "approval_hours": 1_000_000.0,
    "max_iterations": None,
}
"""Values of `[security]` that demand nothing where they are not the default."""
FINGERPRINT_CHARACTERS = 8
_WITH_DEFAULT = [name for name, field in SecuritySettings.model_fields.items() if field.default is not None]
"""Settings that demand something when they are left out."""


class Demands(BaseModel):
    """Restrictions that one operator puts on a run. `tables` is None when they do not restrict tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    security: SecuritySettings = SecuritySettings()
    tables: TablesSettings | None = None
    budgets: BudgetsSettings = BudgetsSettings()


def demands_of(settings: Settings) -> Demands:
    """Return the demands of a process that stores or runs runs: all of its settings count, also the defaults."""
    return Demands(security=settings.security, tables=settings.tables, budgets=settings.budgets)


def demands_to_send(settings: Settings) -> dict[str, Any] | None:
    """Return the settings to send with a request over the wire; None when nothing is set.

    Only settings that are set count, because a program that enqueues needs none.
    """
    security = settings.security.model_dump(mode="json", exclude_unset=True)
    tables = settings.tables.model_dump(mode="json", exclude_unset=True)
    budgets = settings.budgets.model_dump(mode="json", exclude_unset=True)
    tables_by_name = {"security": security, "tables": tables, "budgets": budgets}
    return {name: table for name, table in tables_by_name.items() if table} or None


def read_request_demands(request: Mapping[str, Any]) -> Demands:
    """Read the demands of a request. Raises InvalidInput for those that this version does not know and can't keep."""
    security = request.get("security")
    filled = {**request, "security": {**NO_DEMAND, **security}} if isinstance(security, Mapping) else dict(request)
    filled.setdefault("security", dict(NO_DEMAND))
    try:
        return Demands.model_validate(filled)
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(["demands", *map(str, detail["loc"])])
        do = "upgrade the workers, or send other demands"
        raise InvalidInput(f"{key} of the request: {in_plain_words(detail['msg'])}", do=do) from None


def stored(demands: Iterable[Demands]) -> list[dict[str, Any]]:
    """Return the demands as plain data for the run's row, each once.

    Settings that demand nothing are left out: a worker of a former version refuses those that it doesn't know.
    """
    rows: list[dict[str, Any]] = []
    for demand in demands:
        row = demand.model_dump(mode="json", exclude_none=True)
        row["security"] |= {name: None for name in _WITH_DEFAULT if getattr(demand.security, name) is None}
        rows += [] if row in rows else [row]
    return rows


def demands_from_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Demands, ...]:
    return tuple(Demands.model_validate(row) for row in rows)


def strictest_tables(settings: TablesSettings, demands: Iterable[Demands]) -> TablesSettings:
    """Return the tables that all of them allow."""
    others = [demand.tables for demand in demands if demand.tables is not None]
    return TablesSettings(
        allow=tuple(name for name in settings.allow if all(name in other.allow for other in others)),
        write=tuple(name for name in settings.write if all(name in other.write for other in others)),
        timeout_seconds=min([settings.timeout_seconds, *(other.timeout_seconds for other in others)]),
    )


def lowest_cap(name: str, settings: SecuritySettings, demands: Iterable[Demands]) -> int | None:
    """Return the lowest value of a cap of `[security]`; None when nobody sets one."""
    caps = [getattr(security, name) for security in (settings, *(other.security for other in demands))]
    return min((cap for cap in caps if cap is not None), default=None)


def approval_hours(settings: SecuritySettings, demands: Iterable[Demands]) -> float:
    return min([settings.approval_hours, *(demand.security.approval_hours for demand in demands)])


def fingerprint(*settings: BaseModel | Mapping[str, Any]) -> str:
    """Hash the settings: equal values give equal text, which shows whether all workers have the same settings."""
    texts = [
        group.model_dump_json() if isinstance(group, BaseModel) else repr(sorted(group.items())) for group in settings
    ]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:FINGERPRINT_CHARACTERS]
