"""Describes a model in one line for `doctor` and `init`: its limits, as they apply here. Calls nothing."""

from __future__ import annotations

from botticelli.cli.base.formatting import number
from botticelli.drivers import ModelName
from botticelli.runtime.process import Runtime


def model_facts(runtime: Runtime, model: ModelName) -> list[str]:
    """Return the limits of a model, such as `1,000 requests/60s`, and the tier that they belong to."""
    scope = runtime.model_budget(model).scope
    limits = ", ".join(f"{number(window.limit)} {window.name}" for window in scope.windows)
    _, _, tier = scope.name.rpartition("@")
    return [f"limits of tier {tier}: {limits}" if limits else "no limit is known"]
