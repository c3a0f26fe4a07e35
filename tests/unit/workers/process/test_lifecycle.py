"""What a worker process does to itself as it becomes ready."""

from __future__ import annotations

import subprocess
import sys

from tests.support.fleet.processes import ROOT

PROGRAM = """
import gc
from workers.process import lifecycle

lifecycle.collect_garbage_less_often()
print(gc.get_freeze_count() > 10_000, gc.get_threshold()[0] == lifecycle.NEW_OBJECTS_BEFORE_COLLECTION > 700)
"""


def test_ready_worker_exempts_loaded_modules_from_garbage_collection() -> None:
    """In a process of its own, for it lasts."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "True"]
