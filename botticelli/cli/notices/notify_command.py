"""`botticelli notify`: list and test the targets of notices, list deliveries, and deliver again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import COUNT, NounGroup, json_option
from botticelli.cli.notices.notify_watch import watch

if TYPE_CHECKING:
    from botticelli.store import DeliveryRow

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
    from botticelli.notices.target_desk import target_states

    targets = target_states(invocation.runtime)
    emit(targets, lambda: _target_lines(targets), as_json=as_json, empty=NO_TARGETS)


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
    from botticelli.notices.target_desk import known_target, try_target

    settings = invocation.settings
    names = [target.name for target in settings.notify] if name is None else [known_target(settings, name).name]
    results = [try_target(invocation.runtime, each) for each in names]
    lines = [f"{row['target']}: {'delivered' if row['delivered'] else safe(row['error'])}" for row in results]
    emit(results, lines, as_json=as_json, empty=NO_TARGETS)
    return 0 if results and all(row["delivered"] for row in results) else 1


@notify.command("deliveries", short_help="List deliveries.")
@click.option("--status", type=click.Choice(STATUSES), help="Only deliveries with this status.")
@click.option("--target", metavar="NAME", help="Only deliveries to this target.")
@click.option("--limit", type=COUNT, default=50, show_default=True, help="Maximum number of deliveries.")
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
    from botticelli.notices.target_desk import replay_notice

    replayed = replay_notice(invocation.runtime, notice_id, target)
    line = f"notice {replayed['notice_id']} will be delivered again to {', '.join(replayed['targets'])}"
    line += "".join(f"; {name} is off: `botticelli notify on {name}`" for name in replayed["off"])
    emit(replayed, safe(line), as_json=as_json)


@notify.command("on", short_help="Switch a target on again.")
@click.argument("name")
@json_option
@pass_invocation
def switch_on(invocation: Invocation, *, name: str, as_json: bool) -> None:
    """Switch a target on again that was switched off. What waits for it is delivered now."""
    from botticelli.notices.target_desk import switch_target_on

    waiting = switch_target_on(invocation.runtime, name)
    deliveries_word = "delivery waits" if waiting == 1 else "deliveries wait"
    emit({"target": name, "pending": waiting}, f"{name} is on; {waiting:,} {deliveries_word} for it", as_json=as_json)


notify.add_command(watch)
