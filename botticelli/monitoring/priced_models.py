"""Finds the models whose prices are listed, with the prices that the settings give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botticelli.drivers import ModelName
from botticelli.errors import BotticelliError, NotFound
from botticelli.pricing import SERVICES, STANDARD, ModelPrice
from botticelli.runtime.process import Runtime


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model and its price, which is None when unknown."""

    name: str
    price: ModelPrice | None

    def services(self) -> list[str]:
        """Return the services besides the standard one that have a price of their own."""
        return [name for name in SERVICES if name != STANDARD and self.price and self.price.known(name) == name]

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return the price of today; rates are texts, so that they stay exact."""
        if self.price is None:
            return {"model": self.name, "known": False}
        change = self.price.next_change(now)
        return {
            "model": self.name,
            "known": True,
            "source": self.price.source,
            "as_of": self.price.as_of or None,
            **self.price.at(now).as_json(),
            "services": {name: self.price.at(now, name).as_json() for name in self.services()},
            "next_change": None if change is None else change.isoformat(),
        }


def priced_models(runtime: Runtime, text: str | None) -> list[PricedModel]:
    """Return the model with that name, even without a price, else all whose names contain the text. NotFound for none."""
    if text is not None and (exact := _named(runtime, text)) is not None and exact.price is not None:
        return [exact]
    models = [model for model in _listed(runtime) if text is None or text.lower() in model.name.lower()]
    if not models and text is not None:
        raise NotFound(
            f"no price of {text!r} is known",
            do="run `botticelli prices update`, or set usd_per_million_input and usd_per_million_output of the model",
        )
    return models


def _named(runtime: Runtime, text: str) -> PricedModel | None:
    try:
        name = runtime.drivers.resolve(text)
    except BotticelliError:
        return None
    return PricedModel(str(name), runtime.price(name).price)


def _listed(runtime: Runtime) -> Iterator[PricedModel]:
    """Yield every listed model of an installed driver, by name."""
    for provider in runtime.drivers.names():
        configured = runtime.settings.providers.get(provider)
        tiers = configured.tiers.values() if configured else ()
        models = {runtime.drivers.model_name(provider, name) for tier in tiers for name in tier.models}
        for model in sorted(models | set(runtime.catalogue.models(provider))):
            price = runtime.price(ModelName(provider, model)).price
            if price is not None:
                yield PricedModel(f"{provider}/{model}", price)
