"""Packages that import their names when these are first used, so that importing the package is cheap."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package that imports names from its modules on first use.

    A name takes precedence over a module that is called the same, whichever was imported first: `carousel.fork` is the
    function.
    """

    _homes: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{self.__name__}.{self._homes[name]}"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in self._homes:
            return
        super().__setattr__(name, value)


def make_lazy(package: str, homes: Mapping[str, str]) -> None:
    """Make a package lazy. `homes` maps each of its names to the module that defines it."""
    module = sys.modules[package]
    module.__dict__["_homes"] = homes
    module.__class__ = LazyPackage
