"""Restricts what others may ask of a worker over the broker to inspection.

Celery's control commands need no login: whoever can write to Redis could stop a worker or its consumption. Workers are
stopped with signals, runs with `botticelli runs`, and the number of slots is a setting.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.worker.control import Panel

from botticelli.telemetry.log import log

ALLOWED = frozenset(
    {
        "active",
        "active_queues",
        "clock",
        "conf",
        "disable_events",
        "dump_active",
        "dump_conf",
        "dump_reserved",
        "dump_revoked",
        "dump_schedule",
        "dump_tasks",
        "enable_events",
        "heartbeat",
        "ping",
        "query_task",
        "registered",
        "report",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
    }
)
"""The commands of `celery inspect`, with their older names, and those that let Flower see events."""


def close() -> None:
    """Refuse all other commands in this process from now on."""
    for name in set(Panel.data) - ALLOWED:
        Panel.data[name] = refuse


def refuse(state: Any, **_: Any) -> dict[str, str]:  # noqa: ARG001 (called as its peers are)
    """Return the refusal that `celery control` shows."""
    log("remote_control_refused", level=logging.WARNING)
    return {"error": "workers take no orders over the broker; send a signal, or use botticelli runs"}
