"""The Celery app: `celery -A botticelli worker | inspect | flower`. Its settings are in celeryconfig.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals

from botticelli.loading.app_folder import import_from_app
from botticelli.runtime.celery_app import celery_url, configured, connected
from botticelli.runtime.celery_command import command_name, one_line_errors, prepare, require_own_broker
from botticelli.runtime.process import current
from botticelli.runtime.settings_check import check_settings

PREFORK = "prefork"


class App(Celery):  # type: ignore[misc]  # Celery has no types
    """Celery, which has no configuration at all before Botticelli's settings are known to be good."""

    def on_configure(self) -> None:
        """Find the broker.

        Find the broker; the embedded Redis is started when the app first needs its configuration, not when it is
        imported. What this raises leaves the app as it was: it never falls back to a broker of Celery's own.
        """
        with one_line_errors():
            require_own_broker(celery_url(current().redis_url))


app = configured(App("botticelli"))


@app.on_after_configure.connect
def find_broker(sender: Celery, **_: Any) -> None:
    """Give the app its broker, which `on_configure` has found."""
    runtime = current()
    connected(sender, runtime.redis_url, runtime.settings.redis.prefix)
    sender.conf.worker_concurrency = runtime.settings.worker.threads
    if pool_named(sys.argv) == PREFORK:
        sender.conf.worker_pool = PREFORK


def pool_named(words: Sequence[str]) -> str | None:
    """Return the pool that a command line asks for.

    Celery takes `--pool prefork` for its own default, which `worker_pool` in celeryconfig.py wins over, so that nobody
    could have it.
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
    """Before Celery does it, which would look for `tasks` in the working directory first."""
    for name in sender.conf.imports:
        import_from_app(name)


def _check_command(name: str | None) -> None:
    """Of the `celery` command, end here when the settings are wrong: later, Celery would only log it."""
    if name is not None:
        prepare(name)
        with one_line_errors():
            check_settings(current())


_check_command(command_name())
