"""`botticelli budget`: what is used and held, why, whether any limit was passed; and lower limits for a while."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.completions import complete_scopes
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import plain, print_json
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.base.times import ahead, past

if TYPE_CHECKING:
    from botticelli.budget import ScopeUsage


@click.group(cls=NounGroup, bare="show", short_help="Show, explain and audit spending; lower its limits, or pause it.")
def budget() -> None:
    """Show what is used of all limits, explain and audit it, and lower limits for a while. Without a command: `show`."""


@budget.command("show", short_help="Used, held, limit and rest of every window.")
@json_option
@pass_invocation
def show(invocation: Invocation, as_json: bool) -> None:
    """Show used, held, limit and rest of every window.

    Used, held, limit and rest of every window: of the models that the settings and the drivers give limits for, of the
    budgets of narratives and guilds, of what runs that aren't over spend from, and of what was spent from in the last
    day; with the last hour as a line of bars.
    """
    from botticelli.cli.base.formatting import sparkline
    from botticelli.cli.base.layout import wrapped
    from botticelli.cli.budget.budget_scopes import known_scopes
    from botticelli.cli.budget.lower_limits import override_line
    from botticelli.cli.follow.budget_bars import gauge_lines
    from botticelli.store import WHOLE

    runtime = invocation.runtime
    usages = [runtime.budget.usage(scope) for scope in known_scopes(runtime)]
    if as_json:
        print_json([{**as_object(usage), "paused": runtime.overrides_of(usage.scope).get(WHOLE)} for usage in usages])
        return
    with runtime.store.transaction() as tx:
        hour = tx.spending.by_time(step_seconds=120, steps=30)
    for usage in usages:
        click.echo("\n".join(piece for line in gauge_lines([usage]) for piece in wrapped(line)))
        paused = runtime.overrides_of(usage.scope).get(WHOLE)
        if paused is not None:
            click.echo(f"  {override_line(paused)}")
        if usage.scope in hour:
            click.echo(f"  {'last hour':<16} {sparkline([step.tokens for step in hour[usage.scope]])} tokens")


@budget.command("explain", short_help="Who holds what of one scope, and how good its estimates are.")
@click.argument("scope", shell_complete=complete_scopes)
@json_option
@pass_invocation
def explain(invocation: Invocation, scope: str, as_json: bool) -> None:
    """Explain a scope and what holds it.

    SCOPE may be the beginning of a name. Shows windows, what is in force and where it comes from, the tickets that hold
    something and their runs, and estimates against what calls took.
    """
    from botticelli.cli.budget.budget_explain import explanation, lines

    found = explanation(invocation.runtime, scope)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(lines(found)))


@budget.command("audit", short_help="Prove from the ledger that no limit was passed.")
@click.option("--since", callback=past, metavar="WHEN", help="`2h`, `7d` or a date; default: all.")
@json_option
@pass_invocation
def audit(invocation: Invocation, since: datetime | None, as_json: bool) -> int:
    """Re-derive every window from the ledger.

    Shows the worst interval of each window against the limit that was in force. Exit code 1 when a limit was passed.
    What calls used beyond their estimates is listed apart: the next grants pay it back.
    """
    from botticelli.cli.budget.budget_audit import audited, lines

    found = audited(invocation.runtime, since)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(lines(found)))
    return 0 if found["ok"] else 1


@budget.command("set", short_help="Lower a limit for a while.")
@click.argument("scope", shell_complete=complete_scopes)
@click.argument("window")
@click.argument("limit")
@click.option("--reason", required=True, help="Why; it is recorded.")
@click.option("--until", callback=ahead, metavar="WHEN", help="`30m`, `2h` or a date; default: until it is ended.")
@json_option
@pass_invocation
def set_(
    invocation: Invocation, scope: str, window: str, limit: str, *, reason: str, until: datetime | None, as_json: bool
) -> None:
    """Lower the LIMIT of a WINDOW of SCOPE; `default` ends it.

    WINDOW is named as `show` names it, e.g. `tokens/60s`. All processes keep it within a second. 0 lets nothing pass.
    What tickets hold already is not taken from them.
    """
    from botticelli.cli.budget.lower_limits import lower, override_line

    override = lower(invocation.runtime, scope, window, limit, reason=reason, until=until)
    if as_json:
        print_json(override)
    else:
        click.echo(override_line(override))


@budget.command("pause", short_help="Let nothing be spent from a scope.")
@click.argument("scope", shell_complete=complete_scopes)
@click.option("--reason", default="", metavar="TEXT", help="Why; it is recorded with who and when.")
@click.option("--until", callback=ahead, metavar="WHEN", help="`30m`, `2h` or a date; default: until it is resumed.")
@json_option
@pass_invocation
def pause_budget(invocation: Invocation, scope: str, *, reason: str, until: datetime | None, as_json: bool) -> None:
    """Admit and draw nothing in SCOPE.

    SCOPE may be the beginning of a name. All processes keep to it within a second. Calls that have begun are settled.
    Runs that need it wait, whatever their policy says.
    """
    from botticelli.cli.budget.lower_limits import override_line, pause

    override = pause(invocation.runtime, scope, reason=reason, until=until)
    if as_json:
        print_json(override)
    else:
        click.echo(override_line(override))


@budget.command("resume", short_help="Spend from a paused scope again.")
@click.argument("scope", shell_complete=complete_scopes)
@click.option("--reason", default="", metavar="TEXT", help="Why; it is recorded with who and when.")
@json_option
@pass_invocation
def resume_budget(invocation: Invocation, scope: str, *, reason: str, as_json: bool) -> None:
    """Spend from SCOPE again; runs that wait for it are looked at within a second."""
    from botticelli.cli.budget.lower_limits import override_line, resume

    name, override = resume(invocation.runtime, scope, reason=reason)
    if as_json:
        print_json({"scope": name, "resumed": override is not None})
    else:
        click.echo(override_line(override) if override else f"{name} is not paused")


@budget.command("history", short_help="Lowered limits, and usage by the hour.")
@click.argument("scope", required=False, shell_complete=complete_scopes)
@json_option
@pass_invocation
def history(invocation: Invocation, scope: str | None, as_json: bool) -> None:
    """Limits that were lowered (who, why, until when), and requests and tokens by the hour of the last day."""
    from botticelli.cli.budget.lower_limits import history_lines, history_of

    found = history_of(invocation.runtime, scope)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(history_lines(found)))


def as_object(usage: ScopeUsage) -> dict[str, object]:
    """`limit`, `used`, `held`, `remaining` and `resets_after_ms` of each window, and what holds the scope."""
    windows = [
        {
            "window": window.window.name,
            **plain(window.window),
            "used": window.used,
            "held": window.held,
            "remaining": window.remaining,
            "resets_after_ms": window.resets_after_ms,
        }
        for window in usage.windows
    ]
    return {**plain(usage), "windows": windows}
