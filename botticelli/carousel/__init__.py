"""From a narrative to a finished run: enqueue, admission, outcome, and the levers over it. Performs no act."""

from botticelli.carousel.dispatch import Publication, advance, dispatch, publish
from botticelli.carousel.enqueue import Enqueued, EnqueueOptions, enqueue
from botticelli.carousel.levers import cancel, pause, resume
from botticelli.carousel.outcome import CarouselResult, result_of
from botticelli.carousel.snapshots import estimates_of, narrative_of, variables_of
from botticelli.carousel.wire import accept, find_narrative

__all__ = [
    "CarouselResult",
    "EnqueueOptions",
    "Enqueued",
    "Publication",
    "accept",
    "advance",
    "cancel",
    "dispatch",
    "enqueue",
    "estimates_of",
    "find_narrative",
    "narrative_of",
    "pause",
    "publish",
    "result_of",
    "resume",
    "variables_of",
]
