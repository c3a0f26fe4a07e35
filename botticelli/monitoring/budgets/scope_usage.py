"""Reads what is used and held of scopes, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from botticelli.budget import Scope, ScopeUsage
from botticelli.runtime.process import Runtime
from botticelli.store import WHOLE
from botticelli.telemetry.plain_values import plain


def usage_objects(runtime: Runtime, scopes: Iterable[Scope]) -> list[dict[str, Any]]:
    """Return the usage of each scope, with the pause that is in force."""
    usages = [(scope, runtime.budget.usage(scope)) for scope in scopes]
    return [usage_object(runtime, usage, windows_reopening(runtime, scope, usage)) for scope, usage in usages]


def usage_object(runtime: Runtime, usage: ScopeUsage, reopening: Sequence[str] = ()) -> dict[str, Any]:
    """Return the usage of one scope, with the pause that is in force."""
    return {**as_object(usage, reopening), "paused": runtime.scopes.overrides_of(usage.scope).get(WHOLE)}


def windows_reopening(runtime: Runtime, scope: Scope, usage: ScopeUsage) -> list[str]:
    """Return the names of windows that are used only because Redis lost what was charged in them."""
    names = [window.window.name for window in usage.windows if window.used]
    return [name for name in names if runtime.budget.reopening(scope, name)]


def as_object(usage: ScopeUsage, reopening: Sequence[str] = ()) -> dict[str, object]:
    """Convert usage to JSON values: limit, used, held and remaining of each window, and the holders of the scope.

    `reopening` are the windows that are used only because Redis lost what was charged in them.
    """
    windows = [
        {
            "window": window.window.name,
            **plain(window.window),
            "used": window.used,
            "held": window.held,
            "remaining": window.remaining,
            "resets_after_ms": window.resets_after_ms,
            "reopening": window.window.name in reopening,
        }
        for window in usage.windows
    ]
    return {**plain(usage), "windows": windows}
