"""Takes a narrative to a finished run: enqueues it, admits its iterations, controls it, reports its result.

Performs no act: workers do. Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.carousel.actor import Actor, user_at_host
    from botticelli.carousel.admission.dispatch import advance, dispatch, publish
    from botticelli.carousel.control.approvals import ApprovalResult, decide
    from botticelli.carousel.control.budget_pauses import pause_at_spend_cap, pause_scope, resume_scope
    from botticelli.carousel.control.retention import Pruned, prune
    from botticelli.carousel.control.run_control import cancel, pause, resume, retry
    from botticelli.carousel.enqueuing.enqueue import Enqueued, EnqueueRequest, enqueue
    from botticelli.carousel.enqueuing.fork import Fork, fork
    from botticelli.carousel.enqueuing.from_wire import accept, find_narrative, reject
    from botticelli.carousel.plan.planned_calls import plan_of
    from botticelli.carousel.plan.snapshots import estimates_of, given_variables_of, narrative_of, variables_of
    from botticelli.carousel.result import CarouselResult, result_of

__all__ = [
    "Actor",
    "ApprovalResult",
    "CarouselResult",
    "EnqueueRequest",
    "Enqueued",
    "Fork",
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
    "pause_at_spend_cap",
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
]

make_lazy(
    __name__,
    {
        "CarouselResult": "result",
        "ApprovalResult": "control.approvals",
        "EnqueueRequest": "enqueuing.enqueue",
        "Enqueued": "enqueuing.enqueue",
        "Fork": "enqueuing.fork",
        "Actor": "actor",
        "Pruned": "control.retention",
        "accept": "enqueuing.from_wire",
        "advance": "admission.dispatch",
        "cancel": "control.run_control",
        "decide": "control.approvals",
        "dispatch": "admission.dispatch",
        "enqueue": "enqueuing.enqueue",
        "estimates_of": "plan.snapshots",
        "find_narrative": "enqueuing.from_wire",
        "fork": "enqueuing.fork",
        "given_variables_of": "plan.snapshots",
        "narrative_of": "plan.snapshots",
        "pause": "control.run_control",
        "pause_at_spend_cap": "control.budget_pauses",
        "pause_scope": "control.budget_pauses",
        "plan_of": "plan.planned_calls",
        "prune": "control.retention",
        "publish": "admission.dispatch",
        "reject": "enqueuing.from_wire",
        "result_of": "result",
        "resume": "control.run_control",
        "resume_scope": "control.budget_pauses",
        "retry": "control.run_control",
        "user_at_host": "actor",
        "variables_of": "plan.snapshots",
    },
)
