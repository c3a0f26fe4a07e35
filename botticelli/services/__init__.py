"""Runs the embedded services of a machine that has none: Postgres, Redis and, on request, a small language model.

They are real servers, shared by all processes with the same data directory, started when the first process joins and
stopped when the last one is gone. Knows nothing of the data in them. Imports no driver.

    users.lock     shared by every user process: while one lives, nobody stops the servers
    keeper.lock    held by the keeper, the one process that starts, restarts and stops the servers
    postgres.lock  held by every process of the Postgres server, redis.lock by those of the Redis server: taking one
                   proves that no process is using that data

The kernel releases a lock when its holder is gone, even by kill -9; no number in a file is trusted alone.

Names are loaded on first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.services.control import InUse, down, up
    from botticelli.services.local_model import join_model, model_missing
    from botticelli.services.membership import Membership, ensure, join
    from botticelli.services.servers.binaries import available
    from botticelli.services.servers.clean_stop import data_id
    from botticelli.services.status import LOGS, ServiceStatus, logs, status

__all__ = [
    "LOGS",
    "InUse",
    "Membership",
    "ServiceStatus",
    "available",
    "data_id",
    "down",
    "ensure",
    "join",
    "join_model",
    "logs",
    "model_missing",
    "status",
    "up",
]

make_lazy(
    __name__,
    {
        "LOGS": "status",
        "InUse": "control",
        "Membership": "membership",
        "ServiceStatus": "status",
        "available": "servers.binaries",
        "data_id": "servers.clean_stop",
        "down": "control",
        "ensure": "membership",
        "join": "membership",
        "join_model": "local_model",
        "logs": "status",
        "model_missing": "local_model",
        "status": "status",
        "up": "control",
    },
)
