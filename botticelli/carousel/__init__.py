"""From a narrative to a finished run: enqueue, admission, outcome, and the levers over it. Performs no act.

Names are loaded when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.lazy import make_lazy

if TYPE_CHECKING:
    from botticelli.carousel.confirmations import Decided, decide, waiting_of
    from botticelli.carousel.dispatch import advance, dispatch, publish
    from botticelli.carousel.enqueue import Enqueued, EnqueueOptions, enqueue
    from botticelli.carousel.fork import Fork, fork
    from botticelli.carousel.levers import cancel, pause, resume, retry
    from botticelli.carousel.movers import Mover, user_at_host
    from botticelli.carousel.outcome import CarouselResult, result_of
    from botticelli.carousel.prune import Pruned, prune
    from botticelli.carousel.scope_pauses import pause_scope, resume_scope
    from botticelli.carousel.snapshots import estimates_of, given_variables_of, narrative_of, plan_of, variables_of
    from botticelli.carousel.wire import accept, find_narrative, reject

__all__ = [
    "CarouselResult",
    "Decided",
    "EnqueueOptions",
    "Enqueued",
    "Fork",
    "Mover",
    "Pruned",
    "accept",
    "advance",
    "cancel",
    "decide",
    "dispatch",
    "enqueue",
    "estimates_of",
    "find_narrative",
    "fork",
    "given_variables_of",
    "narrative_of",
    "pause",
    "pause_scope",
    "plan_of",
    "prune",
    "publish",
    "reject",
    "result_of",
    "resume",
    "resume_scope",
    "retry",
    "user_at_host",
    "variables_of",
    "waiting_of",
]

make_lazy(
    __name__,
    {
        "CarouselResult": "outcome",
        "Decided": "confirmations",
        "EnqueueOptions": "enqueue",
        "Enqueued": "enqueue",
        "Fork": "fork",
        "Mover": "movers",
        "Pruned": "prune",
        "accept": "wire",
        "advance": "dispatch",
        "cancel": "levers",
        "decide": "confirmations",
        "dispatch": "dispatch",
        "enqueue": "enqueue",
        "estimates_of": "snapshots",
        "find_narrative": "wire",
        "fork": "fork",
        "given_variables_of": "snapshots",
        "narrative_of": "snapshots",
        "pause": "levers",
        "pause_scope": "scope_pauses",
        "plan_of": "snapshots",
        "prune": "prune",
        "publish": "dispatch",
        "reject": "wire",
        "result_of": "outcome",
        "resume": "levers",
        "resume_scope": "scope_pauses",
        "retry": "levers",
        "user_at_host": "movers",
        "variables_of": "snapshots",
        "waiting_of": "confirmations",
    },
)
