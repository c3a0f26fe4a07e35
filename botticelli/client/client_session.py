"""Connects a client to Redis and Postgres when it is first used, and names it in what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botticelli.client.service_errors import service_errors

if TYPE_CHECKING:
    from typing import Self

    from botticelli.carousel import Actor
    from botticelli.runtime.process import Runtime
    from botticelli.settings import Settings


class Session:
    """The connections of a client, and its name."""

    def __init__(self, settings: Settings | None = None, *, name: str | None = None) -> None:
        """Create a client, which connects when it is first used.

        `settings` default to those of this process (botticelli.toml and environment variables). `name` is recorded as
        the author of every pause, approval and other action of this client; the default is `user@host`.
        """
        self._settings = settings
        self._name = name
        self._opened_runtime: Runtime | None = None

    def close(self) -> None:
        """Close all connections. A client that is used again reconnects."""
        if self._opened_runtime is not None:
            self._opened_runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _runtime(self) -> Runtime:
        if self._opened_runtime is None:
            from botticelli.runtime.process import Runtime
            from botticelli.settings import load_settings

            self._opened_runtime = Runtime(self._settings or load_settings())
        return self._opened_runtime

    @contextmanager
    def _connected(self) -> Iterator[Runtime]:
        """Give the parts of this process to a block; an error of a server becomes ServiceUnavailable."""
        with service_errors(self._runtime.settings):
            yield self._runtime

    def _actor(self, reason: str) -> Actor:
        from botticelli.carousel import Actor

        return Actor(reason, self._name) if self._name else Actor(reason)
