"""`botticelli budget`: show, explain and audit spending; lower limits and pause scopes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.completions import complete_scopes
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.base.times import AHEAD, PAST

if TYPE_CHECKING:
    from botticelli.budget import ScopeUsage
    from botticelli.runtime.process import Runtime


@click.group(cls=NounGroup, bare="show", short_help="Show, explain and audit spending; lower limits or pause it.")
def budget() -> None:
    """Show, explain and audit spending; lower limits or pause it. Without a command: `show`."""


@budget.command("show", short_help="Show the usage of every window.")
@json_option
@pass_invocation
def show(invocation: Invocation, as_json: bool) -> None:
    """Show what is used, held and left of every window, with the last hour as a line of bars.

    Covers models with limits in the settings or drivers, budgets of narratives, guilds and tenants, scopes of runs that
    are not over, and scopes with spending in the last day.
    """
    from botticelli.monitoring.budget_scopes import known_scopes
    from botticelli.monitoring.budgets.scope_usage import usage_object, windows_reopening

    runtime = invocation.runtime
    scopes = known_scopes(runtime)
    usages = [runtime.budget.usage(scope) for scope in scopes]
    reopening = {
        scope.name: windows_reopening(runtime, scope, usage) for scope, usage in zip(scopes, usages, strict=True)
    }
    data = [usage_object(runtime, usage, reopening[usage.scope]) for usage in usages]
    emit(data, lambda: _usage_lines(runtime, usages, reopening), as_json=as_json)


def _usage_lines(
    runtime: Runtime, usages: Sequence[ScopeUsage], reopening: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield the bars of each scope, its windows without charges, its pause and its last hour."""
    from botticelli.cli.base.formatting import sparkline
    from botticelli.cli.base.layout import wrapped
    from botticelli.cli.budget.lower_limits import override_line
    from botticelli.cli.follow.budget_bars import gauge_lines
    from botticelli.store import WHOLE

    with runtime.store.transaction() as tx:
        hour = tx.spending.by_time(step_seconds=120, steps=30)
    for usage in usages:
        yield from (piece for line in gauge_lines([usage]) for piece in wrapped(line))
        for window in reopening[usage.scope]:
            yield f"  {window}: Redis lost its charges: full at first, opens with time"
        paused = runtime.scopes.overrides_of(usage.scope).get(WHOLE)
        if paused is not None:
            yield f"  {override_line(paused)}"
        if usage.scope in hour:
            yield f"  {'last hour':<16} {sparkline([step.tokens for step in hour[usage.scope]])} tokens"


@budget.command("explain", short_help="Explain what holds a scope, and its estimates.")
@click.argument("scope", shell_complete=complete_scopes)
@json_option
@pass_invocation
def explain(invocation: Invocation, scope: str, as_json: bool) -> None:
    """Explain what holds a scope, and compare its estimates with actual use.

    SCOPE may be the beginning of a name. Shows its windows, the source of its limits, overrides in force, the runs that
    hold budget, and estimated against actual tokens by act.
    """
    from botticelli.cli.budget.budget_explain import lines
    from botticelli.monitoring.budgets.explanation import explanation

    result = explanation(invocation.runtime, scope)
    emit(result, lambda: lines(result), as_json=as_json)


@budget.command("audit", short_help="Check the ledger against all limits.")
@click.option("--since", type=PAST, help="Start at `2h` or `7d` ago, or at a date; default: all.")
@json_option
@pass_invocation
def audit(invocation: Invocation, since: datetime | None, as_json: bool) -> int:
    """Recompute every window from the ledger and compare it with the limit that was in force.

    Shows the worst interval of each window. Exit code 1 when a limit was exceeded. What calls used beyond their
    estimates is listed as an excess: later draws pay it back.
    """
    from botticelli.cli.budget.budget_audit import lines
    from botticelli.monitoring.budgets.ledger_audit import audited

    result = audited(invocation.runtime, since)
    emit(result, lambda: lines(result), as_json=as_json)
    return 0 if result["ok"] else 1


@budget.command("set", short_help="Lower a limit temporarily.")
@click.argument("scope", shell_complete=complete_scopes)
@click.argument("window")
@click.argument("limit")
@click.option("--reason", required=True, help="Reason, for the record.")
@click.option(
    "--until",
    type=AHEAD,
    help="End after `30m` or `2h`, or at a date; default: until `default` is set.",
)
@json_option
@pass_invocation
def set_(
    invocation: Invocation, scope: str, window: str, limit: str, *, reason: str, until: datetime | None, as_json: bool
) -> None:
    """Lower the LIMIT of a WINDOW of SCOPE; LIMIT `default` restores the usual limit.

    WINDOW is a name that `show` prints, e.g. `tokens/60s`. Takes effect in all processes within a second. 0 grants
    nothing. Tickets keep what they already hold.
    """
    from botticelli.cli.budget.lower_limits import lower, override_line

    override = lower(invocation.runtime, scope, window, limit, reason=reason, until=until)
    emit(override, override_line(override), as_json=as_json)


@budget.command("pause", short_help="Pause spending from a scope.")
@click.argument("scope", shell_complete=complete_scopes)
@click.option("--reason", default="", metavar="TEXT", help="Reason, recorded with user and time.")
@click.option("--until", type=AHEAD, help="End after `30m` or `2h`, or at a date; default: until `resume`.")
@json_option
@pass_invocation
def pause_budget(invocation: Invocation, scope: str, *, reason: str, until: datetime | None, as_json: bool) -> None:
    """Pause SCOPE: nothing is admitted or drawn from it.

    SCOPE may be the beginning of a name. Takes effect in all processes within a second. Calls in flight are settled.
    Runs that need the scope wait, whatever their policy says.
    """
    from botticelli.cli.budget.lower_limits import override_line, pause

    override = pause(invocation.runtime, scope, reason=reason, until=until)
    emit(override, override_line(override), as_json=as_json)


@budget.command("resume", short_help="Resume spending from a paused scope.")
@click.argument("scope", shell_complete=complete_scopes)
@click.option("--reason", default="", metavar="TEXT", help="Reason, recorded with user and time.")
@json_option
@pass_invocation
def resume_budget(invocation: Invocation, scope: str, *, reason: str, as_json: bool) -> None:
    """Resume spending from SCOPE; waiting runs are checked within a second."""
    from botticelli.cli.budget.lower_limits import override_line, resume

    name, override = resume(invocation.runtime, scope, reason=reason)
    line = override_line(override) if override else f"{name} is not paused"
    emit({"scope": name, "resumed": override is not None}, line, as_json=as_json)


@budget.command("history", short_help="Show lowered limits, and usage by the hour.")
@click.argument("scope", required=False, shell_complete=complete_scopes)
@json_option
@pass_invocation
def history(invocation: Invocation, scope: str | None, as_json: bool) -> None:
    """Show lowered limits (who, why, until when), and requests and tokens of the last 24 hours by the hour."""
    from botticelli.cli.budget.lower_limits import history_lines
    from botticelli.monitoring.budgets.scope_history import history_of

    result = history_of(invocation.runtime, scope)
    emit(result, lambda: history_lines(result), as_json=as_json)
