"""`botticelli notify`: list and test the targets of notices, list deliveries, and deliver again."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.notices.notify_watch import watch
from botticelli.errors import NotFound

if TYPE_CHECKING:
    from botticelli.notices.outcome import Outcome
    from botticelli.settings.sections.notify import NotifyTarget
    from botticelli.store import DeliveryRow, Notice

ID_CHARACTERS = 8
STATUSES = ("pending", "delivered", "failed")
NO_TARGETS = "there are no targets; add [[notify]] to botticelli.toml"


@click.group(cls=NounGroup, short_help="Show and test who is told of what happens.")
def notify() -> None:
    """Show who is told of what happens, test that, and deliver again what was lost.

    Targets are [[notify]] in the settings; workers deliver. Without a command: `list`.
    """


@notify.command("list", short_help="List the targets.")
@json_option
@pass_invocation
def list_targets(invocation: Invocation, *, as_json: bool) -> None:
    """List the targets of the settings: whether each is on, and how many deliveries it had.

    A target that was switched off says why; `notify on NAME` switches it on again.
    """
    targets = _targets(invocation)
    emit(targets, lambda: _target_lines(targets), as_json=as_json, empty=NO_TARGETS)


def _targets(invocation: Invocation) -> list[dict[str, Any]]:
    from botticelli.notices.target_check import target_problem

    with invocation.runtime.store.transaction() as tx:
        states, counts = tx.notice_targets.states(), tx.deliveries.counts()
    rows = []
    for target in invocation.settings.notify:
        state, count = states.get(target.name), counts.get(target.name, {})
        problem = target_problem(target)
        off = state is not None and state.off_at is not None
        rows.append(
            {
                "name": target.name,
                "kind": target.kind,
                "state": "off" if off else "new" if state is None else "on",
                "on": list(target.on),
                "filters": {name: list(globs) for name, globs in _filters(target).items() if globs},
                "include": list(target.include),
                "problem": problem,
                "off_reason": state.off_reason if state is not None else None,
                "off_at": state.off_at if state is not None else None,
                "since": state.since if state is not None else None,
                **{status: count.get(status, 0) for status in STATUSES},
            }
        )
    return rows


def _filters(target: NotifyTarget) -> dict[str, tuple[str, ...]]:
    return {"narratives": target.narratives, "tags": target.tags, "tenants": target.tenants}


def _target_lines(targets: list[dict[str, Any]]) -> list[str]:
    head = ("target", "kind", "state", "pending", "delivered", "failed", "events")
    rows = [
        (row["name"], row["kind"], row["state"], *(f"{row[status]:,}" for status in STATUSES), ", ".join(row["on"]))
        for row in targets
    ]
    lines = table(head, rows, right=head[3:6], wraps=("events",))
    for row in targets:
        if row["problem"]:
            lines.append(f"{row['name']}: {safe(row['problem'])}")
        if row["off_reason"]:
            do = f"mend that, then `botticelli notify on {row['name']}`"
            lines.append(f"{row['name']} is off since {moment(row['off_at'])}: {safe(row['off_reason'])}; {do}")
    return lines


@notify.command("test", short_help="Send a test message.")
@click.argument("name", required=False)
@json_option
@pass_invocation
def test(invocation: Invocation, *, name: str | None, as_json: bool) -> int:
    """Send a test message from this process, to the target NAME or to all, whatever their events and filters.

    Exit code 1 when one of them did not take it. It is sent once, with the variables of this process, and is not recorded.
    """
    from botticelli.notices.deliverer import attempt
    from botticelli.notices.outcome import Delivered

    results: list[dict[str, Any]] = []
    for target in _chosen(invocation, name):
        now = datetime.now(UTC)
        outcome = attempt(target, _test_notice(target, now), None, now.timestamp())
        results.append({"target": target.name, "delivered": isinstance(outcome, Delivered), **_explained(outcome)})
    lines = [f"{row['target']}: {'delivered' if row['delivered'] else safe(row['error'])}" for row in results]
    emit(results, lines, as_json=as_json, empty=NO_TARGETS)
    return 0 if results and all(row["delivered"] for row in results) else 1


def _chosen(invocation: Invocation, name: str | None) -> list[NotifyTarget]:
    targets = list(invocation.settings.notify)
    return targets if name is None else [target for target in targets if target.name == _known(invocation, name)]


def _known(invocation: Invocation, name: str) -> str:
    """Return the name of a target of the settings. NotFound when there is none."""
    from botticelli.settings import did_you_mean

    names = [target.name for target in invocation.settings.notify]
    if name not in names:
        raise NotFound(f"there is no target {name!r}", do=did_you_mean(name, names) or "see `botticelli notify list`")
    return name


def _test_notice(target: NotifyTarget, now: datetime) -> Notice:
    from botticelli.store import Notice

    data = {"target": target.name, "reason": "sent by `botticelli notify test`"}
    return Notice(str(uuid.uuid4()), "notify.test", None, None, (), None, data, now)


def _explained(outcome: Outcome) -> dict[str, Any]:
    from botticelli.notices.outcome import Delivered

    error = outcome.note if isinstance(outcome, Delivered) else outcome.error
    return {"answer": outcome.answer, "error": error}


@notify.command("deliveries", short_help="List deliveries.")
@click.option("--status", type=click.Choice(STATUSES), help="Only deliveries with this status.")
@click.option("--target", metavar="NAME", help="Only deliveries to this target.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Maximum number of deliveries."
)
@json_option
@pass_invocation
def deliveries(invocation: Invocation, *, status: str | None, target: str | None, limit: int, as_json: bool) -> None:
    """List deliveries, newest first, with their last answer or error. They are deleted after 35 days."""
    with invocation.runtime.store.transaction() as tx:
        rows = tx.deliveries.recent(status=status, target=target, limit=limit)
    emit(rows, lambda: _delivery_lines(rows), as_json=as_json, empty="there are no such deliveries")


def _delivery_lines(rows: list[DeliveryRow]) -> list[str]:
    head = ("notice", "target", "status", "attempts", "event", "narrative", "at", "next", "last answer")
    cells = [
        (
            row.notice_id[:ID_CHARACTERS],
            row.target,
            row.status,
            str(row.attempts),
            row.type,
            row.narrative or "-",
            moment(row.created_at),
            moment(row.due_at) if row.status == "pending" else "-",
            row.error or (str(row.answer) if row.answer is not None else "-"),
        )
        for row in rows
    ]
    return table(head, cells, right=("attempts",), drops=("at", "narrative"), wraps=("last answer",))


@notify.command("replay", short_help="Deliver a notice again.")
@click.argument("notice_id", metavar="ID")
@click.option("--target", metavar="NAME", help="Only to this target, also if it was not told before.")
@json_option
@pass_invocation
def replay(invocation: Invocation, *, notice_id: str, target: str | None, as_json: bool) -> None:
    """Deliver a notice again, under its id, with all attempts.

    ID is the beginning of its id, as `notify deliveries` shows it. Without --target it goes to all targets that it was for.
    """
    if target is not None:
        _known(invocation, target)
    with invocation.runtime.store.transaction() as tx:
        found_id = tx.deliveries.find(notice_id)
        names = [target] if target is not None else tx.deliveries.targets_of(found_id)
        if not names:
            raise NotFound(f"notice {found_id} was told to nobody", do="name one with --target NAME")
        tx.deliveries.replay(found_id, names)
        off = [state.name for state in tx.notice_targets.states().values() if state.name in names and state.off_at]
    line = f"notice {found_id} will be delivered again to {', '.join(names)}"
    line += "".join(f"; {name} is off: `botticelli notify on {name}`" for name in off)
    emit({"notice_id": found_id, "targets": names, "off": off}, safe(line), as_json=as_json)


@notify.command("on", short_help="Switch a target on again.")
@click.argument("name")
@json_option
@pass_invocation
def switch_on(invocation: Invocation, *, name: str, as_json: bool) -> None:
    """Switch a target on again that was switched off. What waits for it is delivered now."""
    _known(invocation, name)
    with invocation.runtime.store.transaction() as tx:
        tx.notice_targets.switch_on(name)
        waiting = tx.deliveries.counts().get(name, {}).get("pending", 0)
    deliveries_word = "delivery waits" if waiting == 1 else "deliveries wait"
    emit({"target": name, "pending": waiting}, f"{name} is on; {waiting:,} {deliveries_word} for it", as_json=as_json)


notify.add_command(watch)
