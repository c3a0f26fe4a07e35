"""Shares what the drivers of the three SDKs have in common: key, client, errors, learned limits. Builds no request."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from botticelli.drivers.api_key import ApiKey
from botticelli.drivers.failures.quota_values import quota_values
from botticelli.drivers.failures.sdk_errors import Translator, time_limit_in
from botticelli.drivers.interface.capabilities import OnText, Readiness
from botticelli.drivers.interface.model_parameters import ModelParameters, accepted_request, other_tier
from botticelli.drivers.interface.options import SdkOptions, checked_options
from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, MediaKind
from botticelli.drivers.parameters.parameter_classes import accepted_parameters
from botticelli.drivers.reading.bodies import Failure, Preview, read_answer
from botticelli.drivers.reading.wires import Wire
from botticelli.drivers.transport.exchange import Exchange, recording
from botticelli.drivers.transport.http_client import PerProcessClient
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, SettingsError
from botticelli.settings import Provider, published_limits
from botticelli.settings.network import Fault, connection_fault, header_fault, url_fault

if TYPE_CHECKING:
    import httpx2

NO_KEY = "no-key"
"""Key sent to a self-hosted server when none is configured."""

COUNT_PAUSE_SECONDS = 60.0
"""Pause after a failed count: counting has limits of its own, which every call would hit again."""

Client = TypeVar("Client")
Result = TypeVar("Result")
Options = TypeVar("Options", bound=SdkOptions)


class SdkDriver(ABC, Generic[Client, Options]):
    """A driver of an SDK, imported at the first call. One request per call: the SDK's own retries are off."""

    name: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str]
    key_names: ClassVar[tuple[str, ...]]
    options_type: ClassVar[type[SdkOptions]] = SdkOptions
    prefixes: ClassVar[tuple[str, ...]]
    classes: ClassVar[tuple[str, ...]] = ()
    """Providers in parameters/models.toml whose classes describe the models of this driver; empty: its own name."""
    recommended: ClassVar[str] = ""
    """The model for runs that name none: current, and the provider's low-priced one."""
    sent_names: ClassVar[tuple[str, ...]] = ()
    """Further variables that the SDK reads by itself and sends in a header."""
    sent_lines: ClassVar[tuple[str, ...]] = ()
    """Variables that hold one header per line."""
    url_names: ClassVar[tuple[str, ...]] = ()
    """Variables from which the SDK takes the server's URL when the settings name none."""
    limit_headers: ClassVar[Mapping[str, str]] = {}
    """Response headers that name a limit, with the setting that each stands for."""
    wire: ClassVar[Wire]
    """Wire format in which its answers are read."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options: Options = checked_options(self.options_type, self.name, options)  # type: ignore[assignment]
        names = (self._options.api_key_env,) if self._options.api_key_env else self.key_names
        self._api_key = ApiKey(self.name, names, self._options.api_key_command)
        self._clients: PerProcessClient[Client] = PerProcessClient()
        self._limits: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()
        self._count_again_at = 0.0

    def claims(self, model: str) -> bool:
        return model.startswith(self.prefixes)

    def model_name(self, model: str) -> str:
        """Return the name in lower case for the provider's own server; a self-hosted server may distinguish case."""
        return model.strip().lower() if self.claims(model.strip().lower()) else model.strip()

    def recommended_model(self) -> str:
        return self.recommended

    def rate_limits(self) -> Provider:
        return published_limits(self.name)

    def parameters(self, model: str) -> ModelParameters:
        """Return what a model accepts. Of a model that nobody knows everything is sent as it is."""
        return accepted_parameters(model, *(self.classes or (self.name,))) or ModelParameters()

    def prepare(self) -> None:
        self._client()

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        return self._guarded(request, lambda: self._answer(request, None))

    def stream(self, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        """Stream the answer where streaming is on; else call `generate` and pass the whole text at once."""
        if self._streams:
            return self._guarded(request, lambda: self._answer(request, on_text))
        response = self.generate(request)
        on_text(response.text)
        return response

    def count_tokens(self, request: GenerateRequest) -> int | None:
        """Ask the provider for the number of input tokens.

        None unless `estimate = "count"`, and when the server can't count; then counting pauses for a minute, or for as
        long as the server asks.
        """
        if self._options.estimate != "count" or time.monotonic() < self._count_again_at:
            return None
        try:
            return self._guarded(request, lambda: self._count(self._client(), request))
        except DriverError as error:
            requested_wait_seconds = error.retry_after_seconds if isinstance(error, DriverTransient) else None
            self._count_again_at = time.monotonic() + max(COUNT_PAUSE_SECONDS, requested_wait_seconds or 0.0)
            return None

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        return self.media_kinds(model)

    @property
    def server_url(self) -> str | None:
        return self._options.base_url or next((url for name in self.url_names if (url := os.environ.get(name))), None)

    def learned_limits(self) -> Mapping[str, Mapping[str, int]]:
        with self._lock:
            return {model: dict(limits) for model, limits in self._limits.items()}

    def readiness(self) -> Readiness:
        missing = None if _is_installed(self.package) else self._install
        fault = self._variables_fault()
        return Readiness(
            missing,
            self._api_key.names,
            self._api_key.name is not None,
            self._options.base_url,
            str(fault) if fault else None,
            self._api_key.name,
        )

    def key_fault(self) -> str | None:
        try:
            self._key()
        except DriverTerminal as error:
            return f"{error.what}; {error.do}"
        fault = self._variables_fault()
        return str(fault) if fault else None

    def close(self) -> None:
        """Close the connections of this process."""
        self._clients.close(os.getpid())

    @abstractmethod
    def media_kinds(self, model: str) -> frozenset[MediaKind]: ...

    @abstractmethod
    def _make(self, key: str, http: httpx2.Client) -> Client:
        """Create the SDK's client on top of `http`. Raises ImportError when the SDK is missing."""

    @abstractmethod
    def _prepare_call(self, client: Client, request: GenerateRequest, *, stream: bool) -> Callable[[], object]:
        """Do all that precedes the request, such as uploads; return a callable that sends it and drops the answer."""

    @abstractmethod
    def _count(self, client: Client, request: GenerateRequest) -> int | None: ...

    def _answer(self, request: GenerateRequest, on_text: OnText | None) -> GenerateResponse:
        """Send one request through the SDK, and read its answer here, whatever the SDK does with it."""
        request, remarks = self._accepted(request)
        send = self._prepare_call(self._client(), request, stream=on_text is not None)
        preview = Preview(self.wire, request, on_text) if on_text else None
        exchange = Exchange(preview.feed if preview else None, self._options.call_seconds(request))
        with recording(exchange):
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
        return replace(answer, warnings=(*answer.warnings, *remarks, *other_tier(request, answer)))

    def _accepted(self, request: GenerateRequest) -> tuple[GenerateRequest, tuple[str, ...]]:
        """Return the request without what its model refuses or ignores, and a warning for each of these parameters."""
        parameters = self.parameters(request.model)
        begins_answer = bool(request.messages) and request.messages[-1].role == "assistant"
        if begins_answer and "prefill" in parameters.refused_with(request.thinking):
            do = "end the messages with one of the user"
            refusal = DriverTerminal(f"{request.model} accepts no begun answer", where=self.name, do=do, elsewhere=True)
            refusal.was_sent = False
            raise refusal
        return accepted_request(request, parameters)

    def _send(self, send: Callable[[], object], exchange: Exchange) -> None:
        """Send the request.

        A failure before the request leaves is reported as not sent; a failure after its answer has arrived is ignored.
        """
        try:
            send()
        except Exception as error:
            if time_limit_in(error) is not None or (exchange.was_sent and exchange.content is None):
                raise
            if not exchange.was_sent:
                raise self._translator.not_sent(error) from None

    def _learn(self, model: str, headers: Mapping[str, str]) -> None:
        """Store the limits that an answer's headers name."""
        headers_by_limit = {limit: headers.get(header, "") for header, limit in self._limit_headers().items()}
        texts = {limit: text.strip() for limit, text in headers_by_limit.items()}
        known = {limit: int(text) for limit, text in texts.items() if text.isascii() and text.isdigit()}
        self._add_limits(model, {limit: value for limit, value in known.items() if 0 < value < 2**53})

    def _limit_headers(self) -> Mapping[str, str]:
        return self.limit_headers

    def _add_limits(self, model: str, limits: Mapping[str, int]) -> None:
        if limits:
            with self._lock:
                self._limits.setdefault(model, {}).update(limits)

    def _client(self) -> Client:
        key = self._key()
        fault = self._variables_fault()
        if fault is not None:
            raise DriverTerminal(fault.what, where=self.name, do=fault.do, elsewhere=True)
        key = key or (NO_KEY if self._options.base_url else "")
        if not key:
            names = " or ".join(self._api_key.names)
            raise DriverTerminal("no API key is set", where=self.name, do=f"set {names} for the worker", elsewhere=True)
        make = partial(self._checked_client, key)
        return self._clients.get((os.getpid(), key), self._options, make, self._require_network)

    def _checked_client(self, key: str, http: httpx2.Client) -> Client:
        """Create the SDK's client, or raise DriverTerminal without the SDK's words, which may hold the key."""
        try:
            return self._make(key, http)
        except DriverError:
            raise
        except Exception as error:
            if isinstance(error, ImportError) and not _is_installed(self.package):
                problem = "its SDK is not installed"
            elif isinstance(error, ImportError):
                problem = f"its SDK can't be loaded: {error.name or 'a part of it'} is missing"
            else:
                problem = f"its client can't be made ({type(error).__name__})"
            raise DriverTerminal(problem, where=self.name, do=self._install, elsewhere=True) from None

    def _variables_fault(self) -> Fault | None:
        """Return what is wrong with this provider's own variables."""
        urls = () if self._options.base_url else self.url_names
        others = header_fault(os.environ, self.sent_names, self.sent_lines)
        return self._api_key.fault() or others or url_fault(os.environ, urls)

    def _require_network(self) -> None:
        """Raise DriverTerminal when the proxies or certificates of the environment block every request."""
        fault = connection_fault()
        if fault is not None:
            problem = f"no request can be sent: {fault.where}: {fault.what}"
            raise DriverTerminal(problem, where=self.name, do=fault.do, elsewhere=True)

    def _guarded(self, request: GenerateRequest, call: Callable[[], Result]) -> Result:
        """Call, and once more with another key when the provider refused the present one and there is another now."""
        key = self._key()
        try:
            return self._translated(request, call)
        except DriverTerminal as error:
            if not (error.refused_key and self._api_key.renew(key)):
                raise
        return self._translated(request, call)

    def _translated(self, request: GenerateRequest, call: Callable[[], Result]) -> Result:
        """Call, and turn whatever the SDK raises into an error of ours.

        The SDK's exception stays here: it may hold the key and does not survive pickling. Celery's soft time limit,
        which some SDKs take for a lost connection, is raised again.
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
            self._add_limits(request.model, quota_values(getattr(error, "details", None)))
            failure = self._translator.translate(error)
        if isinstance(failure, DriverTransient):
            failure.no_capacity &= request.service_tier == "flex" and not any(failure.served_tokens)
        failure.__cause__ = failure.__context__ = failure.__traceback__ = None
        raise failure

    def _key(self) -> str:
        """Return the key, "" without one. Raises DriverTerminal when its command fails."""
        try:
            return self._api_key.value()
        except SettingsError as error:
            raise DriverTerminal(f"{error.where}: {error.what}", where=self.name, do=error.do, elsewhere=True) from None

    @property
    def _translator(self) -> Translator:
        return Translator(self.name, " or ".join(self._api_key.names), self._api_key.known())

    @property
    def _streams(self) -> bool:
        stream = self._options.stream
        return self._options.base_url is None if stream is None else stream

    @property
    def _install(self) -> str:
        return f"pip install 'botticelli[{self.extra}]'"


def _is_installed(package: str) -> bool:
    """Return whether a package can be found, without importing it or the namespace that it is in."""
    top, _, inner = package.partition(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None or not inner:
        return spec is not None
    return any((Path(folder) / inner).is_dir() for folder in spec.submodule_search_locations or ())
