"""The embedded services: a Postgres, a Redis and a small language model.

They are for a machine that has none, real ones, shared by all processes with the
same data directory, started when the first one joins and stopped when the last one is gone; and, for whoever asks for
it, a small language model, kept in the same way. Knows nothing of what is stored in them. Imports no driver.

    users.lock     shared by every user process: as long as one lives, nobody stops the servers
    keeper.lock    held by the keeper, the one process that starts, restarts and stops the servers
    postgres.lock  held by every process of the Postgres server, redis.lock by those of the Redis server: whoever can
                   take one knows that nobody is at work on that data

The kernel gives a lock back when its holder is gone, even by kill -9; nothing here trusts a number in a file alone.

Names are loaded when they are first asked for, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.services.control import InUse, down, up
    from botticelli.services.local_model import join_model, model_missing
    from botticelli.services.membership import Membership, ensure, join
    from botticelli.services.servers.binaries import available
    from botticelli.services.servers.clean_stop import continued
    from botticelli.services.status import LOGS, ServiceStatus, logs, status

__all__ = [
    "LOGS",
    "InUse",
    "Membership",
    "ServiceStatus",
    "available",
    "continued",
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
        "continued": "servers.clean_stop",
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
