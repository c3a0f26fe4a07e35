"""One run: why it stands, its iterations and acts as a picture, their texts and figures, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from botticelli.errors import InvalidInput, NotFound
from botticelli.http.access.doors import Controller, Enqueuer, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.pages.run_list_pages import act_on
from botticelli.http.console.rendering import notice, page
from botticelli.http.console.views.effect_cards import card_of
from botticelli.http.console.views.run_queries import ACTIONS, DONE, can
from botticelli.http.console.views.timelines import lanes_of
from botticelli.monitoring.diagnosis import why
from botticelli.store import ActRow, Transaction

router = APIRouter(route_class=PageRoute, include_in_schema=False)
PAGE = 50
SHOWN_CHARACTERS = 8_000
SHOWN_EFFECTS = 20


@router.get("/runs/{run_id}")
def show_run(request: Request, run_id: str, door: Reader, after: Annotated[int, Query(ge=0, le=2**53)] = 0) -> Response:
    """Show a run."""
    with door.runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
        iterations = tx.iterations.of_run(run_id, after=after, limit=PAGE)
        acts = _acts(tx, run_id, [iteration.number for iteration in iterations])
        rows = tx.items.of_numbers(run_id, [iteration.number for iteration in iterations]) if run.rows else []
        effects = tx.effects.of_run(run_id)[-SHOWN_EFFECTS:]
        actions = tx.run_actions.of_run(run_id)[-SHOWN_EFFECTS:]
    return page(
        request,
        door,
        "pages/run.html",
        section="runs",
        run=run,
        why=why(door.runtime, run_id),
        lanes=lanes_of(run, iterations, acts),
        acts=acts,
        rows={item.number: item.row for item in rows},
        effects=[card_of(effect) for effect in effects],
        history=list(reversed(actions)),
        actions=[action for action in ACTIONS if can(action, run)],
        after=after,
        next_after=iterations[-1].number if len(iterations) == PAGE else None,
        act_names=list(dict.fromkeys(act.name for each in acts.values() for act in each)),
        limit=SHOWN_CHARACTERS,
    )


@router.get("/runs/{run_id}/text/{number}/{position}/{kind}")
def whole_text(
    run_id: str, number: int, position: int, kind: str, *, door: Reader, turn: int = 1, attempt: int = 1
) -> Response:
    """Give the whole of a prompt, output or reasoning as plain text."""
    if kind not in ("prompt", "output", "reasoning", "error") or not 0 < number < 2**53:
        raise NotFound("an act has no such text", do="prompt, output, reasoning or error")
    with door.runtime.store.transaction() as tx:
        acts = tx.acts.of_iteration(run_id, number, rejected=True)
    for act in acts:
        if (act.position, act.turn, act.attempt) == (position, turn, attempt) and getattr(act, kind) is not None:
            return PlainTextResponse(getattr(act, kind), headers={"Cache-Control": "no-store"})
    raise NotFound("there is no such text", do="the run's page has those that there are")


@router.post("/runs/{run_id}/actions/{action}")
def act_on_run(run_id: str, action: str, door: Controller, fields: Fields) -> Response:
    """Pause, resume, cancel or retry a run."""
    status = act_on(door, action, run_id, fields)
    return notice(f"Run {run_id[:8]} {DONE[action]}; it is {status.replace('_', ' ')}.")


@router.post("/runs/{run_id}/fork")
def fork_run(run_id: str, door: Enqueuer, fields: Fields) -> Response:
    """Start a new run that keeps the first part of this one."""
    number = fields.get("number", "")
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 16):
        raise InvalidInput("the iteration must be a whole number from 1", do="write the first one to perform")
    act, key, text = (fields.get(name, "").strip() for name in ("act", "key", "text"))
    handle = door.client.fork(
        run_id,
        number=int(number),
        act=act or None,
        changes={f"{act}.{key}": fields.get("text", "")} if act and key and text else None,
        allow_effects=fields.get("allow_effects") == "yes",
        reason=fields.get("reason", ""),
    )
    response = notice(f"Forked as run {handle.id[:8]}.")
    response.headers["HX-Redirect"] = f"/runs/{handle.id}"
    return response


def _acts(tx: Transaction, run_id: str, numbers: Sequence[int]) -> dict[int, list[ActRow]]:
    acts: dict[int, list[ActRow]] = {}
    for act in tx.acts.of_numbers(run_id, numbers, rejected=True) if numbers else ():
        acts.setdefault(act.number, []).append(act)
    return acts
