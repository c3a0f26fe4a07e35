"""From a narrative to a finished run: enqueue, admission, outcome, and the levers over it. Performs no act."""

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
