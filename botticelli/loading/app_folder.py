"""Finds the parts outside the package (workers, tasks, narratives): in the checkout's root, or inside the wheel."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType


def app_folder() -> Path:
    """Return the folder that holds `workers`, `tasks`, `narratives`, `migrations` and `celeryconfig.py`."""
    package = Path(__file__).resolve().parents[1]
    in_wheel = package / "_app"
    return in_wheel if in_wheel.is_dir() else package.parent


def import_from_app(name: str) -> ModuleType:
    """Import Botticelli's `tasks`, `workers` or `celeryconfig`, even if the working directory has a module of that name."""
    folder = str(app_folder())
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    return import_module(name)
