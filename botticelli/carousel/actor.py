"""The author of an action on a run or a budget, for the audit log."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, field


def user_at_host() -> str:
    """Return `alice@build-7`, or `1000@build-7` for a user without a name, as in some containers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of an action, with a reason, which may be empty."""

    reason: str = ""
    name: str = field(default_factory=user_at_host)
