"""The Python API for other programs: enqueue narratives, read and watch runs, control them, approve their effects.

    from botticelli.client import Client

Imports no worker and no task. Each name is loaded when it is first used, so that the import is cheap. The reference page
docs/reference/python.md is made from the docstrings: `python -m botticelli.client.python_reference`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.client.client import Client
    from botticelli.client.enqueue_options import EnqueueOptions
    from botticelli.client.run_handle import RunHandle
    from botticelli.client.run_reader import WaitTimeout
    from botticelli.client.values import (
        ActResult,
        Diagnosis,
        Effect,
        Event,
        IterationResult,
        Run,
        RunFilter,
        RunResult,
    )

__all__ = [
    "ActResult",
    "Client",
    "Diagnosis",
    "Effect",
    "EnqueueOptions",
    "Event",
    "IterationResult",
    "Run",
    "RunFilter",
    "RunHandle",
    "RunResult",
    "WaitTimeout",
]

make_lazy(
    __name__,
    {
        "ActResult": "values",
        "Client": "client",
        "Diagnosis": "values",
        "Effect": "values",
        "EnqueueOptions": "enqueue_options",
        "Event": "values",
        "IterationResult": "values",
        "Run": "values",
        "RunFilter": "values",
        "RunHandle": "run_handle",
        "RunResult": "values",
        "WaitTimeout": "run_reader",
    },
)
