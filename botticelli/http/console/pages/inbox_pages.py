"""The inbox: effects and content that wait for a person, as they would appear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from fastapi import APIRouter, Request, Response

from botticelli.carousel import decide
from botticelli.carousel.control.resolutions import resolve_effect
from botticelli.errors import InvalidInput
from botticelli.http.access.doors import Approver, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.pages.content_cards import rows_for_review
from botticelli.http.console.rendering import notice, page, part
from botticelli.http.console.views.differences import difference
from botticelli.http.console.views.effect_cards import card_of
from botticelli.statuses import Resolution
from botticelli.store import Effect
from botticelli.store.runs.effects import Effects

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN_EFFECTS = 50
ID_CHARACTERS = 12
FIELD = "arg."
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)


@router.get("/")
def inbox(request: Request, door: Reader) -> Response:
    """Show what waits."""
    with door.runtime.store.transaction() as tx:
        waiting = tx.effects.waiting()
        unknown = tx.effects.recent(status="unknown", limit=SHOWN_EFFECTS)
        rows = rows_for_review(tx)
    return page(
        request,
        door,
        "pages/inbox.html",
        section="inbox",
        cards=[card_of(effect) for effect in waiting[:SHOWN_EFFECTS]],
        unknown=[card_of(effect) for effect in unknown],
        more=max(0, len(waiting) - SHOWN_EFFECTS),
        rows=rows,
        runs=list(dict.fromkeys(effect.run_id for effect in waiting[:SHOWN_EFFECTS])),
    )


@router.post("/inbox/{key}/difference")
def show_difference(key: str, door: Reader, fields: Fields) -> Response:
    """Show what an edit would change; changes nothing."""
    effect = _effect(door.runtime.store, key)
    changed = {**effect.args, **changes_of(effect, fields)}
    return part("parts/difference.html", is_preview=True, lines=difference(effect.args, changed))


@router.post("/inbox/{key}/approve")
def approve(key: str, door: Approver, fields: Fields) -> Response:
    """Approve an effect, with the arguments that the form has."""
    edits = changes_of(_effect(door.runtime.store, key), fields)
    result = decide(door.runtime, key, "approved", door.actor(fields.get("reason", "")), edits=edits or None)
    how = " with your changes" if result.effect.prepared_args is not None else ""
    said = f"Approved{how}; its run goes on." if result.changed else "It was approved before."
    return notice(f"{said} Effect {key[:ID_CHARACTERS]}.")


@router.post("/inbox/{key}/reject")
def reject(key: str, door: Approver, fields: Fields) -> Response:
    """Reject an effect."""
    result = decide(door.runtime, key, "rejected", door.actor(fields.get("reason", "")))
    said = "Rejected; its act fails, or goes on without it." if result.changed else "It was rejected before."
    return notice(f"{said} Effect {key[:ID_CHARACTERS]}.")


@router.post("/inbox/{key}/resolve")
def resolve(key: str, door: Approver, fields: Fields) -> Response:
    """Say what became of an effect of unknown outcome; its run is to be resumed then."""
    resolution = next((known for known in RESOLUTIONS if known == fields.get("resolution")), None)
    if resolution is None:
        raise InvalidInput("this is no resolution", do=f"write {', '.join(RESOLUTIONS)}")
    effect, run = resolve_effect(door.runtime, key, resolution, by=door.identity.name)
    return notice(f"Recorded: it is {effect.status}. Its run is {run.status}; resume it if it does not go on.")


def changes_of(effect: Effect, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments that a form changes. InvalidInput for JSON that is none."""
    changes: dict[str, Any] = {}
    for field, text in fields.items():
        name = field.removeprefix(FIELD)
        if name == field or name not in effect.args:
            continue
        value = _value(name, effect.args[name], text)
        if value != effect.args[name]:
            changes[name] = value
    return changes


def _value(name: str, before: Any, text: str) -> Any:
    if isinstance(before, str):
        return text.replace("\r\n", "\n")
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is not valid JSON: {error}", do="it is not a text; write it as JSON") from None


def _effect(store: Any, key: str) -> Effect:
    with store.transaction() as tx:
        effects: Effects = tx.effects
        return effects.find(key)
