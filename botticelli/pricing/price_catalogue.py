"""Finds the price of a model: what was fetched, else what this version ships, else the installed price list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botticelli.pricing.price import ModelPrice
from botticelli.pricing.price_file import PriceFile, ProviderTable, price_file
from botticelli.pricing.price_list import PriceList, bundled_list, installed_version, parsed_list

FETCHED = "prices.json"
"""The file of a fetched price list in the data directory: `{"fetched_at", "package", "providers"}`."""
OWN_SERVERS = ("openai-compatible",)
"""Drivers whose prices are those of the provider at their URL, and unknown for any other server."""


@dataclass(frozen=True)
class Catalogue:
    """The prices that this process knows. Reads nothing before a price is asked."""

    home: Path

    @cached_property
    def price_list(self) -> PriceList:
        """The fetched list; without one, or when it can't be read, that of the installed package."""
        return self.fetched or bundled_list()

    @cached_property
    def fetched(self) -> PriceList | None:
        return read_fetched(self.home / FETCHED)

    @property
    def file(self) -> PriceFile:
        return price_file()

    def price(self, provider: str, model: str, base_url: str | None = None) -> ModelPrice | None:
        """Return the price of a model at the server of `base_url` (None: the provider's own); None when unknown."""
        table = self.file.providers.get(provider)
        if table is not None and table.free:
            return self.file.price(provider, model)
        name = self._provider_at(provider, base_url)
        if name is None:
            return None
        shipped = self.file.price(name, model)
        if shipped is not None and not self._is_newer():
            return shipped
        return self._listed(name, model) or shipped

    def models(self, provider: str) -> list[str]:
        """Return the models of a provider that have a price here."""
        table = self.file.providers.get(provider)
        if table is None:
            return self.price_list.models(provider)
        return sorted({*table.models, *(self.price_list.models(table.list) if table.list else ())})

    def _is_newer(self) -> bool:
        return self.fetched is not None and self.fetched.as_of > self.file.as_of

    def _provider_at(self, provider: str, base_url: str | None) -> str | None:
        """Return the name of the provider whose prices count, as the shipped file or else the list names it."""
        at_url = self.price_list.provider_at(base_url) if base_url and not is_own_machine(base_url) else None
        if at_url is not None:
            names = (name for name, table in self.file.providers.items() if table.list == at_url)
            return next(names, at_url)
        return None if provider in OWN_SERVERS else provider

    def _listed(self, provider: str, model: str) -> ModelPrice | None:
        table = self.file.providers.get(provider) or ProviderTable(list=provider)
        if table.list is None:
            return None
        price = self.price_list.price(table.list, model, table.long_write_factor, table.writes_by_itself)
        if price is None:
            return None
        others = {name: factor for name, factor in table.services.items() if name not in price.periods}
        return ModelPrice(price.periods, price.source, price.as_of, price.writes_by_itself, others)


def is_own_machine(url: str) -> bool:
    """Whether a server's name says that it is this machine: no provider's prices are its own."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def read_fetched(file: Path) -> PriceList | None:
    """Read a fetched list; None when there is none, or when genai-prices was upgraded since: its list is newer then."""
    try:
        stored: Any = json.loads(file.read_bytes())
        fetched_at = str(stored["fetched_at"])
        if stored["package"] != installed_version():
            return None
        return parsed_list(stored["providers"], f"price list fetched on {fetched_at[:10]}", fetched_at)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
