"""Regular expressions keep to what every Python 3.11 matches rightly."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module

import botticelli

POSSESSIVE = re.compile(r"(?<!\\)[*+?}]\+|\(\?>")


def test_no_pattern_has_possessive_quantifiers_or_atomic_groups() -> None:
    """Python 3.11.0 to 3.11.4 match some of them wrongly: a string of several lines was never closed."""
    patterns = []
    for module in pkgutil.walk_packages(botticelli.__path__, "botticelli."):
        if "._app" in module.name or module.name.endswith(("celery", "keeper", "tether")):
            continue
        values = vars(import_module(module.name)).values()
        patterns += [value for value in values if isinstance(value, re.Pattern)]
    assert len(patterns) >= 5
    assert [pattern.pattern for pattern in patterns if POSSESSIVE.search(pattern.pattern)] == []
