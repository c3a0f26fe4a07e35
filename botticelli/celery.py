"""The Celery app: `celery -A botticelli worker | inspect | flower`. Its settings are in celeryconfig.py."""

from __future__ import annotations

from typing import Any

from celery import Celery, signals

from botticelli.broker import configured, connected
from botticelli.places import import_from_app
from botticelli.runtime import current

app = configured(Celery("botticelli"))


@app.on_after_configure.connect
def find_broker(sender: Celery, **_: Any) -> None:
    """The embedded Redis is started when the app first needs its configuration, not when it is imported."""
    runtime = current()
    connected(sender, runtime.redis_url, runtime.settings.redis.prefix)
    sender.conf.worker_concurrency = runtime.settings.worker.threads


@signals.import_modules.connect(sender=app)
def import_entrances(sender: Celery, **_: Any) -> None:
    """Before Celery does it, which would look for `tasks` in the working directory first."""
    for name in sender.conf.imports:
        import_from_app(name)
