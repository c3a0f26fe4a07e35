"""Gives a driver its API key: from a command, else from the environment or a file. Reads it again when it is refused."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

from botticelli.errors import SettingsError
from botticelli.settings.network import Fault, header_fault, secret, unsendable
from botticelli.settings.sources.secret_command import run_secret_command
from botticelli.settings.sources.secret_values import is_set

RENEWAL_PAUSE_SECONDS = 5.0
"""Shortest time between two renewals, so that many refused calls don't run a command each."""


class ApiKey:
    """The key of one driver. A command's output is cached until the provider refuses it; nothing else is."""

    def __init__(self, provider: str, names: Sequence[str], command: Sequence[str]) -> None:
        """Initialise without reading. `names` are the variables that may hold the key; `command` prints it instead."""
        self._command = tuple(command)
        self._setting = f"drivers.{provider}.api_key_command"
        self.names = (self._setting,) if command else tuple(names)
        self._lock = threading.Lock()
        self._printed = ""
        self._renewed_at = -RENEWAL_PAUSE_SECONDS

    @property
    def name(self) -> str | None:
        """Return the variable, or the setting, that gives the key; None when nothing does."""
        return self._setting if self._command else next((name for name in self.names if is_set(os.environ, name)), None)

    def value(self) -> str:
        """Return the key, "" without one. Runs the command at the first call; raises SettingsError when it fails."""
        if not self._command:
            return secret(os.environ, self.name) if self.name else ""
        with self._lock:
            self._printed = self._printed or run_secret_command(self._command, self._setting)
            return self._printed

    def fault(self) -> Fault | None:
        """Return what is wrong with the key. Runs no command: of a command's output, only what was printed is judged."""
        if self._command:
            return unsendable(self._setting, self._printed)
        return header_fault(os.environ, [self.name]) if self.name else None

    def known(self) -> str:
        """Return the key as far as it is known without running the command."""
        return self._printed if self._command else self.value()

    def renew(self, refused: str) -> bool:
        """Read the key again after the provider refused it; return whether there is another one now."""
        if not self._command:
            return bool(self.value()) and self.value() != refused
        with self._lock:
            if self._printed == refused and time.monotonic() - self._renewed_at >= RENEWAL_PAUSE_SECONDS:
                self._renewed_at = time.monotonic()
                try:
                    self._printed = run_secret_command(self._command, self._setting)
                except SettingsError:
                    return False
            return self._printed != refused
