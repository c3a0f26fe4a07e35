"""Where the parts outside the engine are: the checkout's root, or the folder that a wheel carries them in."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType


def app_folder() -> Path:
    """The folder that holds `workers`, `tasks`, `narratives`, `migrations` and `celeryconfig.py`."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "_app"
    return carried if carried.is_dir() else package.parent


def import_from_app(name: str) -> ModuleType:
    """Our `tasks`, `workers` or `celeryconfig`, whatever modules of these names lie in the working directory."""
    folder = str(app_folder())
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    return import_module(name)
