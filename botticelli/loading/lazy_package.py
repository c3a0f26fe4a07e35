"""Packages whose names are loaded when they are first asked for, so that importing one costs next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package that gives names of its modules.

    Where a module is called like a name in it, the package gives the name: `carousel.enqueue` is the function,
    whichever module was imported first.
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
    """`homes` says which module of the package each name is in."""
    module = sys.modules[package]
    module.__dict__["_homes"] = homes
    module.__class__ = LazyPackage
