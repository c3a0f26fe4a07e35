"""Finds drivers by entry point, built-in and third-party alike. Calls no model."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botticelli.drivers.interface.capabilities import NamesModels, ReportsReadiness
from botticelli.drivers.interface.protocol import Driver
from botticelli.errors import BotticelliError, InvalidInput, SettingsError
from botticelli.loading.plug_ins import plug_ins
from botticelli.settings import DriverOptions

GROUP = "botticelli.drivers"


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model name `provider/model`, split."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class UnclaimedModel(InvalidInput):
    """A bare model name that no installed driver claims; a driver of another installation may."""


class Drivers:
    """The drivers of one process, each created at its first use with its options from the settings."""

    def __init__(self, options: Mapping[str, DriverOptions], where: Callable[..., str] | None = None) -> None:
        """Initialise without loading a driver. `where` returns the source of an option (`Settings.where`)."""
        self._options = options
        self._where = where or (lambda *path: ".".join(map(str, path)))
        self._made: dict[str, Driver] = {}
        self._resolved: dict[str, ModelName] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all installed drivers."""
        return sorted(plug_ins(GROUP))

    def get(self, name: str) -> Driver:
        """Return a driver. Raises InvalidInput when it is not installed, SettingsError for options it does not know."""
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def resolve(self, model: str) -> ModelName:
        """Resolve a model's name to its one spelling.

        Accepts `provider/model`, or a bare name that an installed driver claims. Raises UnclaimedModel when none does.
        """
        if model not in self._resolved:
            self._resolved[model] = self._resolve(model.strip())
        return self._resolved[model]

    def _resolve(self, model: str) -> ModelName:
        provider, slash, name = (part.strip() for part in model.partition("/"))
        installed = self.names()
        provider = provider if provider in installed else provider.lower()
        if slash and provider in installed and (plain := self.model_name(provider, name)):
            return ModelName(provider, plain)
        for claimant in installed:
            spelled = self.model_name(claimant, model)
            if spelled and not (slash and provider in installed) and self.get(claimant).claims(spelled):
                return ModelName(claimant, spelled)
        if slash and name:
            self.get(provider)
        raise UnclaimedModel(
            f"no installed driver claims the model {model!r}", do=f"write provider/model; {self._offer()}"
        )

    def model_name(self, provider: str, model: str) -> str:
        """Return the one spelling of a model of this provider."""
        driver = self.get(provider)
        return driver.model_name(model) if isinstance(driver, NamesModels) else model.strip()

    def is_ready(self, name: str) -> bool:
        """Whether this process can call models of a driver: it is installed, and has its SDK and a key, or a server."""
        try:
            driver = self.get(name)
        except BotticelliError:
            return False
        if not isinstance(driver, ReportsReadiness):
            return True
        readiness = driver.readiness()
        return not readiness.sdk_missing and (readiness.has_key is not False or readiness.base_url is not None)

    def close(self) -> None:
        """Close the connections of all drivers that have `close()`. A driver used later is created anew."""
        with self._lock:
            drivers, self._made = self._made, {}
        for driver in drivers.values():
            close = getattr(driver, "close", None)
            if close is not None:
                close()

    def _make(self, name: str) -> Driver:
        point = plug_ins(GROUP).get(name)
        if point is None:
            raise InvalidInput(f"there is no driver {name!r}", do=self.instead_of(name))
        try:
            driver: Driver = point.load()(self._options.get(name, {}))
        except SettingsError as error:
            raise error.placed(self._where) from None
        return driver

    def instead_of(self, name: str) -> str:
        """Suggest what to do about a name that no installed driver has."""
        near = difflib.get_close_matches(name, self.names(), 1)
        return f"did you mean {near[0]!r}?" if near else self._offer()

    def _offer(self) -> str:
        return "installed drivers: " + (", ".join(self.names()) or "none")
