"""Who moves a lever, and why: goes into the record. Moves nothing."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, field


def user_at_host() -> str:
    """`alice@build-7`; the number of a user that has no name, as in some containers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class Mover:
    """`reason` may be empty."""

    reason: str = ""
    name: str = field(default_factory=user_at_host)
