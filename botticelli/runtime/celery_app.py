"""How a Celery app gets our settings and our Redis. Finds neither: both are given."""

from __future__ import annotations

from celery import Celery

from botticelli.loading.app_folder import import_from_app


def configured(app: Celery) -> Celery:
    """`app` with the settings of celeryconfig.py; it has no broker yet."""
    app.config_from_object(import_from_app("celeryconfig"))
    return app


def celery_url(redis_url: str) -> str:
    """The URL as Celery writes it: unix sockets are `redis+socket://`."""
    return redis_url.replace("unix://", "redis+socket://", 1)


def connected(app: Celery, redis_url: str, prefix: str) -> Celery:
    """Point `app` at this server, whatever CELERY_BROKER_URL says.

    The variable may be about another app of this process. `prefix` begins all keys of `app` there.
    """
    app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = celery_url(redis_url)
    app.conf.broker_transport_options["global_keyprefix"] = f"{prefix}:"
    return app
