"""Configures a Celery app with Botticelli's Celery settings and its Redis."""

from __future__ import annotations

from celery import Celery

from botticelli.loading.app_folder import import_from_app


def configured(app: Celery) -> Celery:
    """Load the settings of celeryconfig.py into `app`, and return it. It has no broker yet."""
    app.config_from_object(import_from_app("celeryconfig"))
    return app


def celery_url(redis_url: str) -> str:
    """Return the URL as Celery writes it: unix sockets are `redis+socket://`."""
    return redis_url.replace("unix://", "redis+socket://", 1)


def connected(app: Celery, redis_url: str, prefix: str) -> Celery:
    """Set the broker of `app`, ignoring CELERY_BROKER_URL, which may be meant for another app of this process.

    All its keys on the server start with `prefix`.
    """
    app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = celery_url(redis_url)
    app.conf.broker_transport_options["global_keyprefix"] = f"{prefix}:"
    return app
