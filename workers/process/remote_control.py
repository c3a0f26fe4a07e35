"""What others may ask of a worker over the broker: to look, not to act. Answers nothing itself.

Celery's commands come without a login: whoever can write to Redis could end a worker, or have it consume no more. To end one
is for signals, what it performs is for `botticelli runs`, and its size is a setting.
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
"""Those of `celery inspect`, some of them under older names, and what lets Flower see events."""


def close() -> None:
    """Of this process, from now on."""
    for name in set(Panel.data) - ALLOWED:
        Panel.data[name] = refuse


def refuse(state: Any, **_: Any) -> dict[str, str]:  # noqa: ARG001 (called as its peers are)
    """What `celery control` shows."""
    log("remote_control_refused", level=logging.WARNING)
    return {"error": "workers take no orders over the broker; send a signal, or use botticelli runs"}
