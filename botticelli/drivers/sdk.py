"""What the drivers of the three SDKs have in common: key, client, translated errors, learned limits. Builds no request."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from botticelli.drivers.failures.sdk_errors import Translator, time_limit_in
from botticelli.drivers.interface.capabilities import OnText, Readiness
from botticelli.drivers.interface.options import SdkOptions, checked_options
from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, MediaKind
from botticelli.drivers.reading.bodies import Failure, Preview, read_answer
from botticelli.drivers.reading.wires import Wire
from botticelli.drivers.transport.exchange import Exchange, noted
from botticelli.drivers.transport.http_client import Kept
from botticelli.errors import DriverError, DriverTerminal, DriverTransient
from botticelli.settings import Provider, published_limits
from botticelli.settings.network import Fault, connection_fault, header_fault, secret, url_fault

if TYPE_CHECKING:
    import httpx2

NO_KEY = "no-key"
"""What a server of one's own is sent when there is no key."""

COUNT_PAUSE_SECONDS = 60.0
"""After a count that failed: counting has limits of its own, which every call would run into again."""

Client = TypeVar("Client")
Result = TypeVar("Result")
Options = TypeVar("Options", bound=SdkOptions)


class SdkDriver(ABC, Generic[Client, Options]):
    """A driver of an SDK, imported when the first call is made. One request per call: the SDK's own retries are off."""

    name: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str]
    key_names: ClassVar[tuple[str, ...]]
    options_type: ClassVar[type[SdkOptions]] = SdkOptions
    prefixes: ClassVar[tuple[str, ...]]
    sent_names: ClassVar[tuple[str, ...]] = ()
    """Further variables that the SDK reads by itself and sends in a header."""
    sent_lines: ClassVar[tuple[str, ...]] = ()
    """Those that hold a header in each line."""
    url_names: ClassVar[tuple[str, ...]] = ()
    """Variables in which the SDK looks for the server's URL where the settings name none."""
    limit_headers: ClassVar[Mapping[str, str]] = {}
    """Headers of answers that name a limit, and what the settings call it."""
    wire: ClassVar[Wire]
    """How its answers are read."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options: Options = checked_options(self.options_type, self.name, options)  # type: ignore[assignment]
        self._kept: Kept[Client] = Kept()
        self._limits: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()
        self._count_again_at = 0.0

    def claims(self, model: str) -> bool:
        return model.startswith(self.prefixes)

    def model_name(self, model: str) -> str:
        """Providers of fixed names take any case; a server of one's own may not."""
        return model.strip().lower() if self.claims(model.strip().lower()) else model.strip()

    def rate_limits(self) -> Provider:
        return published_limits(self.name)

    def prepare(self) -> None:
        self._client()

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        return self._guarded(request, lambda: self._answer(request, None))

    def stream(self, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        """Where streaming is on; else as `generate`, and the whole text at once."""
        if self._streams:
            return self._guarded(request, lambda: self._answer(request, on_text))
        response = self.generate(request)
        on_text(response.text)
        return response

    def count_tokens(self, request: GenerateRequest) -> int | None:
        """Ask the provider for the number of input tokens.

        None unless `estimate = "count"`, and where the server can't say it; then it is left alone for a minute, or for
        as long as it asks.
        """
        if self._options.estimate != "count" or time.monotonic() < self._count_again_at:
            return None
        try:
            return self._guarded(request, lambda: self._count(self._client(), request))
        except DriverError as error:
            asked_seconds = error.retry_after_seconds if isinstance(error, DriverTransient) else None
            self._count_again_at = time.monotonic() + max(COUNT_PAUSE_SECONDS, asked_seconds or 0.0)
            return None

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        return self.media_kinds(model)

    def learned_limits(self) -> Mapping[str, Mapping[str, int]]:
        with self._lock:
            return {model: dict(limits) for model, limits in self._limits.items()}

    def readiness(self) -> Readiness:
        missing = None if _is_installed(self.package) else self._install
        fault = self._variables_fault()
        return Readiness(
            missing, self._key_names, bool(self._key()), self._options.base_url, str(fault) if fault else None
        )

    def close(self) -> None:
        """End the connections of this process."""
        self._kept.close(os.getpid())

    @abstractmethod
    def media_kinds(self, model: str) -> frozenset[MediaKind]: ...

    @abstractmethod
    def _make(self, key: str, http: httpx2.Client) -> Client:
        """The SDK's client on top of `http`; ImportError when the SDK is missing."""

    @abstractmethod
    def _prepare_call(self, client: Client, request: GenerateRequest, *, stream: bool) -> Callable[[], object]:
        """Do all that comes before the request, such as uploads; what is returned sends it and drops the answer."""

    def _remarks(self, request: GenerateRequest) -> tuple[str, ...]:
        """Warnings about what was not sent as it was asked."""
        return ()

    @abstractmethod
    def _count(self, client: Client, request: GenerateRequest) -> int | None: ...

    def _answer(self, request: GenerateRequest, on_text: OnText | None) -> GenerateResponse:
        """One request. The SDK sends it; its answer is read here, whatever the SDK makes of it."""
        send = self._prepare_call(self._client(), request, stream=on_text is not None)
        preview = Preview(self.wire, request, on_text) if on_text else None
        exchange = Exchange(preview.feed if preview else None)
        with noted(exchange):
            self._send(send, exchange)
        self._learn(request.model, exchange.headers)
        accepted = self._options.accepted_finish_reasons
        answer = read_answer(
            self.wire, request, exchange.content or b"", streamed=preview is not None, accepted=accepted
        )
        if isinstance(answer, Failure):
            raise self._translator.of_failure(answer, exchange.headers)
        if preview is not None:
            preview.finish(answer)
        return replace(answer, warnings=(*answer.warnings, *self._remarks(request)))

    def _send(self, send: Callable[[], object], exchange: Exchange) -> None:
        """Whatever fails before the request leaves is told as not sent; what fails after its answer is there, ignored."""
        try:
            send()
        except Exception as error:
            if time_limit_in(error) is not None or (exchange.was_sent and exchange.content is None):
                raise
            if not exchange.was_sent:
                raise self._translator.not_sent(error) from None

    def _learn(self, model: str, headers: Mapping[str, str]) -> None:
        """Keep the limits that an answer's headers name."""
        named = {limit: headers.get(header, "") for header, limit in self.limit_headers.items()}
        found = {limit: int(text) for limit, text in named.items() if text.isdigit() and int(text)}
        if found:
            with self._lock:
                self._limits.setdefault(model, {}).update(found)

    def _client(self) -> Client:
        key = self._key() or (NO_KEY if self._options.base_url else "")
        if not key:
            names = " or ".join(self._key_names)
            raise DriverTerminal("there is no key", where=self.name, do=f"set {names} for the worker", elsewhere=True)
        fault = self._variables_fault()
        if fault is not None:
            raise DriverTerminal(fault.what, where=self.name, do=fault.do, elsewhere=True)
        return self._kept.get(os.getpid(), self._options, lambda http: self._made(key, http), self._require_network)

    def _made(self, key: str, http: httpx2.Client) -> Client:
        """The SDK's client. DriverTerminal, without the SDK's words, where it can't be had: they may hold the key."""
        try:
            return self._make(key, http)
        except DriverError:
            raise
        except Exception as error:
            if isinstance(error, ImportError) and not _is_installed(self.package):
                what = "its SDK is not installed"
            elif isinstance(error, ImportError):
                what = f"its SDK can't be loaded: {error.name or 'a part of it'} is missing"
            else:
                what = f"its client can't be made ({type(error).__name__})"
            raise DriverTerminal(what, where=self.name, do=self._install, elsewhere=True) from None

    def _variables_fault(self) -> Fault | None:
        """What is wrong with the variables of this provider alone."""
        key_name = next((name for name in self._key_names if secret(os.environ, name)), None)
        urls = () if self._options.base_url else self.url_names
        names = (*((key_name,) if key_name else ()), *self.sent_names)
        return header_fault(os.environ, names, self.sent_lines) or url_fault(os.environ, urls)

    def _require_network(self) -> None:
        """DriverTerminal when the environment's proxies or certificates let no request out."""
        fault = connection_fault()
        if fault is not None:
            what = f"no request can be sent: {fault.where}: {fault.what}"
            raise DriverTerminal(what, where=self.name, do=fault.do, elsewhere=True)

    def _guarded(self, request: GenerateRequest, call: Callable[[], Result]) -> Result:
        """Turn whatever the SDK raises into an error of ours.

        Whatever the SDK raises stays here: it may hold the key and does not survive pickling. Celery's soft time limit,
        which some SDKs take for a lost connection, goes on.
        """
        try:
            return call()
        except DriverError as error:
            failure = error
        except Exception as error:
            limit = time_limit_in(error)
            if limit is not None:
                raise limit from None
            self._learn(request.model, getattr(getattr(error, "response", None), "headers", {}))
            failure = self._translator.translate(error)
        failure.__cause__ = failure.__context__ = failure.__traceback__ = None
        raise failure

    def _key(self) -> str:
        return next((value for name in self._key_names if (value := secret(os.environ, name))), "")

    @property
    def _key_names(self) -> tuple[str, ...]:
        return (self._options.api_key_env,) if self._options.api_key_env else self.key_names

    @property
    def _translator(self) -> Translator:
        return Translator(self.name, " or ".join(self._key_names), self._key())

    @property
    def _streams(self) -> bool:
        stream = self._options.stream
        return self._options.base_url is None if stream is None else stream

    @property
    def _install(self) -> str:
        return f"pip install 'botticelli[{self.extra}]'"


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
