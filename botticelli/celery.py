"""The Celery app: `celery -A botticelli worker | inspect | flower`. Its settings are in celeryconfig.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals

from botticelli.broker import configured, connected
from botticelli.places import import_from_app
from botticelli.runtime import current

PREFORK = "prefork"

app = configured(Celery("botticelli"))


@app.on_after_configure.connect
def find_broker(sender: Celery, **_: Any) -> None:
    """The embedded Redis is started when the app first needs its configuration, not when it is imported."""
    runtime = current()
    connected(sender, runtime.redis_url, runtime.settings.redis.prefix)
    sender.conf.worker_concurrency = runtime.settings.worker.threads
    if pool_named(sys.argv) == PREFORK:
        sender.conf.worker_pool = PREFORK


def pool_named(words: Sequence[str]) -> str | None:
    """The pool that a command line asks for. Celery takes `--pool prefork` for its own default, which `worker_pool` in
    celeryconfig.py wins over, so that nobody could have it."""
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
