"""Imports a module when it is first used: each process collects all tests, but few run those that need a heavy one."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import Any


class Lazily:
    """Stands for a module until a test uses one of its names; has none while tests are collected, which looks for some."""

    def __init__(self, name: str, *ignored_warnings: str) -> None:
        self._name = name
        self._ignored_warnings = ignored_warnings

    def __getattr__(self, name: str) -> Any:
        if "PYTEST_CURRENT_TEST" not in os.environ:
            raise AttributeError(name)
        with warnings.catch_warnings():
            for message in self._ignored_warnings:
                warnings.filterwarnings("ignore", message)
            return getattr(import_module(self._name), name)
