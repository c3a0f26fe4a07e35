"""Decides which targets a notice is told to, once, and writes a delivery for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from botticelli.settings.sections.notify import NotifyTarget
from botticelli.store import Notice, Store

BATCH_SIZE = 500


def is_told(target: NotifyTarget, notice: Notice) -> bool:
    """Whether a target is told of a notice: its event, and each filter that is set. No value matches no filter."""
    if notice.type not in target.events:
        return False
    values = ((target.narratives, [notice.narrative]), (target.tags, notice.tags), (target.tenants, [notice.tenant]))
    return all(_matches(globs, names) for globs, names in values if globs)


def fan_out(store: Store, targets: Sequence[NotifyTarget]) -> int:
    """Write the deliveries of notices that have none yet; return how many notices there were.

    A target gets no notice from before it was known.
    """
    with store.transaction() as tx:
        new = tx.deliveries.take_new(BATCH_SIZE)
        if new:
            states = tx.notice_targets.states()
            known = [(target, states[target.name].since) for target in targets if target.name in states]
            tx.deliveries.add(
                (notice.id, target.name)
                for notice in new
                for target, since in known
                if notice.created_at >= since and is_told(target, notice)
            )
    return len(new)


def _matches(globs: Iterable[str], names: Iterable[str | None]) -> bool:
    return any(fnmatchcase(name, glob) for name in names if name is not None for glob in globs)
