"""Calls a very small real model on this machine, `local/smollm2`, served by the embedded llama.cpp. Needs no key."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from botticelli import services
from botticelli.answer_schema.dialects import LLAMA, Dialect
from botticelli.drivers.interface.capabilities import OnText, Readiness
from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, MediaKind
from botticelli.drivers.openai import OpenAIDriver
from botticelli.drivers.sdk import NO_KEY
from botticelli.drivers.transport.http_client import PerProcessClient
from botticelli.errors import DriverTerminal, ServiceUnavailable
from botticelli.settings.home import find_home

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

MODEL = "smollm2"
SMALL = "SmolLM2 has 135 million parameters: it writes real words, and often wrong ones"
_BASE_URL = "http://smollm2/v1"
"""Base URL whose host is only a name: the connection goes through a socket."""


class LocalOptions(SdkOptions):
    home: Path | None = Field(default=None)
    """Data directory whose model server is used. Unset: the one of the settings."""


class LocalDriver(OpenAIDriver):
    name = "local"
    extra = "local"
    key_names: ClassVar[tuple[str, ...]] = ()
    sent_names: ClassVar[tuple[str, ...]] = ()
    sent_lines: ClassVar[tuple[str, ...]] = ()
    url_names: ClassVar[tuple[str, ...]] = ()
    prefixes = (MODEL,)
    options_type = LocalOptions

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._clients: PerProcessClient[OpenAI] = PerProcessClient(self._socket)
        self._joined: dict[int, services.Membership] = {}
        self._joining = threading.Lock()
        self._warned_pids: set[int] = set()

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset()

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset()

    @property
    def _dialect(self) -> Dialect:
        return LLAMA

    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        """Return False: the server turns the schema into a grammar, of which the model knows nothing."""
        return False

    def readiness(self) -> Readiness:
        readiness = super().readiness()
        missing = self._install if services.model_missing() else readiness.sdk_missing
        return dataclasses.replace(readiness, sdk_missing=missing, has_key=None)

    def close(self) -> None:
        """Close the connections of this process, and leave the model's server to other processes."""
        super().close()
        if (membership := self._joined.pop(os.getpid(), None)) is not None:
            membership.leave()

    def _make(self, key: str, http: httpx2.Client) -> OpenAI:
        from openai import OpenAI

        return OpenAI(api_key=key, base_url=_BASE_URL, max_retries=0, http_client=http)

    def _answer(self, request: GenerateRequest, on_text: OnText | None) -> GenerateResponse:
        return self._small(super()._answer(_checked(request), on_text))

    def _small(self, response: GenerateResponse) -> GenerateResponse:
        """Add a warning about the model's size, once per process."""
        if os.getpid() in self._warned_pids:
            return response
        self._warned_pids.add(os.getpid())
        return dataclasses.replace(response, warnings=(*response.warnings, SMALL))

    def _key(self) -> str:
        return NO_KEY

    def _socket(self) -> Path:
        """Return the socket of the model server once it answers; the server lives while a process uses it."""
        home = self._options.home if isinstance(self._options, LocalOptions) else None
        with self._joining:
            try:
                membership, socket = services.join_model(home or find_home(os.environ, Path.cwd()))
            except ServiceUnavailable as error:
                raise DriverTerminal(error.what, where=self.name, do=error.do) from None
            self._joined[os.getpid()] = membership
            return socket


def _checked(request: GenerateRequest) -> GenerateRequest:
    if request.model != MODEL:
        raise DriverTerminal(f"unknown local model {request.model!r}", where="local", do=f"write local/{MODEL}")
    return request
