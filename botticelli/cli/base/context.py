"""Holds the settings and the runtime of one invocation, created when a command first uses them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from botticelli.runtime.process import Runtime
    from botticelli.settings import Settings


class Invocation:
    """Creates settings and runtime on first use. `config` and `flags` are the global options --config and --set."""

    def __init__(self, config: Path | None, flags: Mapping[str, str]) -> None:
        self._config = config
        self._flags = flags

    @cached_property
    def settings(self) -> Settings:
        from botticelli.settings import load_settings

        settings = load_settings(self._flags, config=self._config)
        if settings.left_out and "_BOTTICELLI_COMPLETE" not in os.environ:
            _warn_of_left_out(settings)
        return settings

    @property
    def settings_file(self) -> Path | None:
        """Return the path of the botticelli.toml that was read; None when there is none."""
        named = self._config or os.environ.get("BOTTICELLI_CONFIG")
        file = self.settings.base / (Path(named).name if named else "botticelli.toml")
        return file if file.is_file() else None

    @cached_property
    def runtime(self) -> Runtime:
        """Create the runtime, which starts the embedded services on first use. SettingsError for unusable settings."""
        from botticelli.runtime.process import Runtime
        from botticelli.runtime.settings_check import check_settings, providers_without_driver

        runtime = Runtime(self.settings)
        check_settings(runtime)
        for name in providers_without_driver(runtime):
            where = self.settings.where("providers", name)
            _warn(f"{where}: providers.{name} has no effect: there is no driver {name!r}")
        return runtime

    def environment(self) -> dict[str, str]:
        """Return the environment that gives a child process the same settings as this one."""
        flags = {f"BOTTICELLI_{key.upper().replace('.', '__')}": value for key, value in self._flags.items()}
        config = {"BOTTICELLI_CONFIG": str(self._config.absolute())} if self._config else {}
        return {**os.environ, **flags, **config, "BOTTICELLI_HOME": str(self.settings.home)}

    def close(self) -> None:
        if "runtime" in self.__dict__:
            self.runtime.close()


def _warn_of_left_out(settings: Settings) -> None:
    """Warn once, in one line, about keys of the founding system that have no effect."""
    top = [*dict.fromkeys(key.split(".")[0] if "." not in key else key for key in settings.left_out)]
    named = ", ".join(top[:SHOWN_KEYS]) + (f" and {len(top) - SHOWN_KEYS} more" if len(top) > SHOWN_KEYS else "")
    text = f"{settings.base / 'botticelli.toml'}: these keys of the founding system have no effect: {named}"
    _warn(text)


def _warn(text: str) -> None:
    from botticelli.cli.base.formatting import safe

    click.echo(f"botticelli: warning: {safe(text)}; run `botticelli settings convert`", err=True)


SHOWN_KEYS = 4
pass_invocation = click.make_pass_decorator(Invocation)
