"""The Celery app, for `celery -A botticelli worker | inspect | flower`. Its settings are in celeryconfig.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals

from botticelli.loading.app_folder import import_from_app
from botticelli.runtime.celery_app import celery_url, configured, connected
from botticelli.runtime.celery_command import celery_subcommand, prepare, report_errors_in_one_line, require_own_broker
from botticelli.runtime.process import current
from botticelli.runtime.settings_check import check_settings

PREFORK = "prefork"


class App(Celery):  # type: ignore[misc]  # Celery has no types
    """A Celery app that stays unconfigured until Botticelli's settings have been checked."""

    def on_configure(self) -> None:
        """Find the broker, and start the embedded Redis if it is used.

        Celery calls this when the app first needs its configuration, not when it is imported. An error leaves the app
        unconfigured: it never falls back to Celery's default broker.
        """
        with report_errors_in_one_line():
            require_own_broker(celery_url(current().redis_url))


app = configured(App("botticelli"))


@app.on_after_configure.connect
def set_broker(sender: Celery, **_: Any) -> None:
    """Set the broker that `on_configure` has found, the number of threads and the pool."""
    runtime = current()
    connected(sender, runtime.redis_url, runtime.settings.redis.prefix)
    sender.conf.worker_concurrency = runtime.settings.worker.threads
    if requested_pool(sys.argv) == PREFORK:
        sender.conf.worker_pool = PREFORK


def requested_pool(words: Sequence[str]) -> str | None:
    """Return the pool that a command line names, or None.

    Celery can't tell `--pool prefork` from its own default, so that `worker_pool` in celeryconfig.py would override it.
    """
    for number, word in enumerate(words):
        if word in ("-P", "--pool"):
            return words[number + 1] if number + 1 < len(words) else None
        for option in ("--pool=", "-P"):
            if word.startswith(option):
                return word.removeprefix(option)
    return None


@signals.import_modules.connect(sender=app)
def import_entrances(sender: Celery, **_: Any) -> None:
    """Import the tasks before Celery does, which would look for `tasks` in the working directory first."""
    for name in sender.conf.imports:
        import_from_app(name)


def _check_command(name: str | None) -> None:
    """End the `celery` command here if the settings are wrong: later, Celery would only log the error."""
    if name is not None:
        prepare(name)
        with report_errors_in_one_line():
            check_settings(current())


_check_command(celery_subcommand())
