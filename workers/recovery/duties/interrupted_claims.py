"""Hands back the iterations of this worker that an absent server has interrupted."""

from __future__ import annotations

from botticelli.runtime.process import Runtime
from workers.context.claims import keeper_of
from workers.recovery.duties.duty import EACH_SWEEP


class InterruptedClaims:
    """Returns interrupted iterations to the queue, so that they continue here or elsewhere."""

    name = "interrupted_claims"
    interval_seconds = EACH_SWEEP

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self) -> None:
        """Hand back what was interrupted. Raises the errors of an absent server."""
        keeper_of(self._runtime).hand_back_interrupted()
