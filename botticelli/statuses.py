"""The statuses of everything that Botticelli stores, as types, and the groups of them that several places ask for."""

from __future__ import annotations

from typing import Literal, get_args

RunStatus = Literal["queued", "running", "waiting", "paused", "completed", "failed", "budget_exhausted", "cancelled"]
FinalStatus = Literal["completed", "failed", "budget_exhausted", "cancelled"]
Hold = Literal["soft", "now"]
"""How a run is paused: `soft`, or `now` when it also stops before the next provider call or effect."""
OnBudgetExhausted = Literal["stop", "wait"]
IterationStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ActStatus = Literal["done", "failed", "skipped", "rejected", "repairing"]
"""The status of an act; `rejected` is an answer that its gate did not accept, and that was not the last one; `repairing` a
typed answer that does not fit, until its repair is recorded."""
EffectStatus = Literal["waiting", "approved", "rejected", "intended", "done", "failed", "unknown"]
Decision = Literal["approved", "rejected"]
Resolution = Literal["done", "retry", "abandon"]
"""How a person resolves an effect of unknown outcome."""
ScheduleStatus = Literal["active", "paused", "ended"]
"""The status of a schedule; `ended` when it has no time ahead."""
LedgerOutcome = Literal["drawn", "settled", "refused", "unknown", "not_sent"]
"""The outcome of a provider request: `drawn` while it is in flight; `not_sent` used nothing."""
CallFailure = Literal["rate_limited", "transient", "terminal"]
"""Why a provider did not answer a request: a limit is used up, the trouble may pass, or it will not without a change."""
ReviewStatus = Literal["pending", "approved", "rejected", "flagged", "rehearsed"]
"""The review of a row of a content table; `rehearsed` rows come from a rehearsal and are not reviewed."""

RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
FINAL: tuple[FinalStatus, ...] = get_args(FinalStatus)
DISPATCHABLE: tuple[RunStatus, ...] = ("queued", "running", "waiting")
"""Statuses of runs that may start iterations."""
UNFINISHED: tuple[RunStatus, ...] = (*DISPATCHABLE, "paused")
EFFECT_STATUSES: tuple[EffectStatus, ...] = get_args(EffectStatus)
UNDECIDED: tuple[EffectStatus, ...] = ("waiting", "approved", "rejected")
"""Statuses of an effect that needs an approval and has not begun."""
UNRESOLVED: tuple[EffectStatus, ...] = ("intended", "unknown")
"""Statuses of effects that may or may not have been done."""
REVIEW_STATUSES: tuple[ReviewStatus, ...] = ("pending", "approved", "rejected")

AccessScope = Literal["read", "enqueue", "control", "approve", "admin"]
"""Permissions of a token of the HTTP door: read; start runs; pause, resume and delete; approve; everything."""
ACCESS_SCOPES: tuple[AccessScope, ...] = get_args(AccessScope)
