"""How a Celery app gets our settings and our Redis. Finds neither: both are given."""

from __future__ import annotations

from celery import Celery

from botticelli.places import import_from_app


def configured(app: Celery) -> Celery:
    """`app` with the settings of celeryconfig.py; it has no broker yet."""
    app.config_from_object(import_from_app("celeryconfig"))
    return app


def connected(app: Celery, redis_url: str, prefix: str) -> Celery:
    """`app` on this server; `prefix` begins all of its keys there. Celery writes unix sockets as `redis+socket://`."""
    app.conf.broker_url = redis_url.replace("unix://", "redis+socket://", 1)
    app.conf.broker_transport_options["global_keyprefix"] = f"{prefix}:"
    return app
