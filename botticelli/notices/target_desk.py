"""Lists the targets of notices, tests them, switches them on, and delivers a notice again."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from botticelli.errors import NotFound
from botticelli.notices.deliverer import attempt
from botticelli.notices.outcome import Delivered, Outcome
from botticelli.notices.target_check import target_problem
from botticelli.runtime.process import Runtime
from botticelli.settings import Settings, did_you_mean
from botticelli.settings.sections.notify import NotifyTarget
from botticelli.store import Notice

DELIVERY_STATUSES = ("pending", "delivered", "failed")


def target_states(runtime: Runtime) -> list[dict[str, Any]]:
    """List the targets of the settings: whether each is on, its events and filters, and the counts of its deliveries."""
    with runtime.store.transaction() as tx:
        states, counts = tx.notice_targets.states(), tx.deliveries.counts()
    rows = []
    for target in runtime.settings.notify:
        state, count = states.get(target.name), counts.get(target.name, {})
        off = state is not None and state.off_at is not None
        rows.append(
            {
                "name": target.name,
                "kind": target.kind,
                "state": "off" if off else "new" if state is None else "on",
                "on": list(target.on),
                "filters": {name: list(globs) for name, globs in _filters(target).items() if globs},
                "include": list(target.include),
                "problem": target_problem(target),
                "off_reason": state.off_reason if state is not None else None,
                "off_at": state.off_at if state is not None else None,
                "since": state.since if state is not None else None,
                **{status: count.get(status, 0) for status in DELIVERY_STATUSES},
            }
        )
    return rows


def _filters(target: NotifyTarget) -> dict[str, tuple[str, ...]]:
    return {"narratives": target.narratives, "tags": target.tags, "tenants": target.tenants}


def known_target(settings: Settings, name: str) -> NotifyTarget:
    """Return a target of the settings. NotFound."""
    targets = {target.name: target for target in settings.notify}
    if name not in targets:
        do = did_you_mean(name, list(targets)) or "see `botticelli notify list`"
        raise NotFound(f"there is no target {name!r}", do=do)
    return targets[name]


def try_target(runtime: Runtime, name: str) -> dict[str, Any]:
    """Send a test message to a target, from this process, once. It is not recorded. NotFound."""
    target = known_target(runtime.settings, name)
    now = datetime.now(UTC)
    data = {"target": target.name, "reason": "sent by `botticelli notify test`"}
    notice = Notice(str(uuid.uuid4()), "notify.test", None, None, (), None, data, now)
    outcome = attempt(runtime, target, notice, None, now=now.timestamp())
    return {"target": target.name, "delivered": isinstance(outcome, Delivered), **_explained(outcome)}


def _explained(outcome: Outcome) -> dict[str, Any]:
    error = outcome.note if isinstance(outcome, Delivered) else outcome.error
    return {"answer": outcome.answer, "error": error}


def replay_notice(runtime: Runtime, notice_id: str, target: str | None) -> dict[str, Any]:
    """Deliver a notice again, under its id, to one target or to all that it was for. NotFound."""
    if target is not None:
        known_target(runtime.settings, target)
    with runtime.store.transaction() as tx:
        full_id = tx.deliveries.find(notice_id)
        names = [target] if target is not None else tx.deliveries.targets_of(full_id)
        if not names:
            raise NotFound(f"notice {full_id} was told to nobody", do="name one with --target NAME")
        tx.deliveries.replay(full_id, names)
        off = [state.name for state in tx.notice_targets.states().values() if state.name in names and state.off_at]
    return {"notice_id": full_id, "targets": names, "off": off}


def switch_target_on(runtime: Runtime, name: str) -> int:
    """Switch a target on again, and return how many deliveries wait for it. NotFound."""
    known_target(runtime.settings, name)
    with runtime.store.transaction() as tx:
        tx.notice_targets.switch_on(name)
        return tx.deliveries.counts().get(name, {}).get("pending", 0)
