"""Budgets: each window as a bar, who holds it and when it frees; pause, resume, lower."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from botticelli.carousel import pause_scope, resume_scope
from botticelli.carousel.control.lowered_limits import DEFAULT, lower_limit
from botticelli.http.access.doors import Admin, Door, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.rendering import notice, page
from botticelli.http.console.views.budget_cards import BudgetCard, card_of, run_of
from botticelli.monitoring.budget_scopes import find_scope, known_scopes

TENANT = "tenant:"
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/budgets")
def budgets(request: Request, door: Reader) -> Response:
    """Show all budgets, those in use first. A token of a tenant sees that of its tenant only."""
    cards = budget_cards(door)
    return page(
        request,
        door,
        "pages/budgets.html",
        section="budgets",
        busy=[card for card in cards if not card.is_idle],
        idle=[card for card in cards if card.is_idle],
    )


@router.post("/budgets/pause")
def pause(door: Admin, fields: Fields) -> Response:
    """Pause a budget."""
    scope = find_scope(door.whole, fields.get("scope", "")).name
    pause_scope(door.whole, scope, door.actor(fields.get("reason", "")))
    return notice(f"{scope} is paused: nothing is admitted or spent. Calls in flight end.")


@router.post("/budgets/resume")
def resume(door: Admin, fields: Fields) -> Response:
    """Resume a budget."""
    scope = find_scope(door.whole, fields.get("scope", "")).name
    resume_scope(door.whole, scope, door.actor(fields.get("reason", "")))
    return notice(f"{scope} is open again; runs that wait for it are checked at once.")


@router.post("/budgets/lower")
def lower(door: Admin, fields: Fields) -> Response:
    """Lower the limit of a window, or restore the usual one."""
    scope, window = find_scope(door.whole, fields.get("scope", "")), fields.get("window", "")
    limit = fields.get("limit", "").replace(",", "").strip()
    override = lower_limit(door.whole, scope, window, limit, door.actor(fields.get("reason", "")))
    if limit == DEFAULT or override.limit is None:
        return notice(f"{scope.name} {window} has its usual limit again.")
    return notice(f"{scope.name} {window} allows at most {override.limit:,} from now on.")


def budget_cards(door: Door) -> list[BudgetCard]:
    """Read the usage of every budget that the identity may see."""
    runtime, tenant = door.whole, door.identity.tenant
    scopes = [scope for scope in known_scopes(runtime) if tenant is None or scope.name == f"{TENANT}{tenant}"]
    usages = [runtime.budget.usage(scope) for scope in scopes]
    with runtime.store.transaction() as tx:
        overrides = tx.overrides.in_force()
        runs = {run_of(ticket) for usage in usages for ticket in usage.holders}
        narratives = {run_id: tx.runs.narrative_name(run_id) for run_id in sorted(runs)}
    return [card_of(usage, overrides.get(usage.scope, {}), narratives) for usage in usages]
