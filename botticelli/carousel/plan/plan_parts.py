"""The parts of a process that planning needs: protocols only, so that a simulation can plan without a database."""

from __future__ import annotations

from typing import Any, Protocol

from botticelli.drivers import Drivers, ModelName
from botticelli.pricing import KnownPrice
from botticelli.runtime.default_model import DefaultModel
from botticelli.runtime.scopes import ScopePolicy
from botticelli.settings import Settings


class PlanParts(Protocol):
    """Settings, drivers and scopes, with the prices of models and a cache of plans by run."""

    @property
    def settings(self) -> Settings: ...

    @property
    def drivers(self) -> Drivers: ...

    @property
    def default_model(self) -> DefaultModel: ...

    @property
    def scopes(self) -> ScopePolicy: ...

    @property
    def plans(self) -> dict[str, Any]: ...

    def price(self, model: ModelName, tier: str | None = None) -> KnownPrice: ...


class SnapshotRows(Protocol):
    """Reads the stored narrative of a run."""

    def snapshot(self, run_id: str) -> Any: ...


class PlanRows(Protocol):
    """An open transaction, as far as plans are read in it."""

    @property
    def runs(self) -> SnapshotRows: ...
