"""Checks the targets of notices for `botticelli doctor`: are their variables set, and is each on? Sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from botticelli.notices.target_check import target_problem
from botticelli.runtime.process import Runtime

Line = tuple[Literal["ok", "note", "fail"], str, str]
"""The state, the detail, and what to do."""


def target_lines(runtime: Runtime) -> Iterator[Line]:
    """Yield a line for each target."""
    targets = runtime.settings.notify
    if not targets:
        yield "note", "nobody is told when a run fails or waits", "add [[notify]] to botticelli.toml"
        return
    with runtime.store.transaction() as tx:
        states = tx.notice_targets.states()
    for target in targets:
        problem, state = target_problem(target), states.get(target.name)
        if problem is not None:
            yield "fail", f"{target.name}: {problem}", "correct this for the workers, too"
        elif state is not None and state.off_at is not None:
            yield (
                "fail",
                f"{target.name} is off: {state.off_reason}",
                f"mend that, then `botticelli notify on {target.name}`",
            )
        else:
            yield "ok", f"{target.name}: {target.kind}, {', '.join(target.on)}", ""
