"""Answers Discord's buttons under an effect that waits: approve, edit, reject. The first decision counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.carousel.actor import Actor
from botticelli.carousel.control.approvals import decide
from botticelli.carousel.plan.snapshots import demands_of_run
from botticelli.errors import InvalidInput, NotFound
from botticelli.notices.wording.approval_message import (
    TEXT_ARGUMENT,
    Verb,
    decided_message,
    decided_words,
    edit_form,
    is_editable,
    read_custom_id,
)
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.settings.definitions import SecuritySettings
from botticelli.statuses import FINAL
from botticelli.store import Effect, Run
from botticelli.telemetry.log import log, logger
from botticelli.untrusted.storable import storable
from botticelli.webhooks.delivery import Malformed, Reply
from botticelli.webhooks.replies import MODAL, UPDATE_MESSAGE, private_message

COMPONENT, FORM = 3, 5
"""Types of interactions: a button was pressed, a form was sent."""
NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed, or a form that was sent with its `text`, and who did it."""

    verb: Verb
    key: str
    user_id: str
    user_name: str
    role_ids: frozenset[str]
    text: str | None = None

    @property
    def actor(self) -> Actor:
        return Actor("", f"{self.user_name} (Discord {self.user_id})")


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """An effect that was pressed about, and the rules of all who say who may decide."""

    effect: Effect
    run: Run
    security: tuple[SecuritySettings, ...]

    @property
    def is_open(self) -> bool:
        expires_at = self.effect.expires_at
        is_in_time = expires_at is None or expires_at > self.run.now
        return self.effect.status == "waiting" and is_in_time and self.run.status not in FINAL


def is_component(body: Mapping[str, Any]) -> bool:
    """Whether an interaction is of a button or a form."""
    return body.get("type") in (COMPONENT, FORM) and "event" not in body


def answer_component(runtime: Runtime, body: Mapping[str, Any]) -> Reply:
    """Return the answer to an interaction. Raises Malformed for one that Discord would not send."""
    press = _press(body)
    if press is None:
        return Reply(200, private_message("This button belongs to nothing that Botticelli knows."))
    try:
        return Reply(200, _answer(runtime, press))
    except NotFound:
        return Reply(200, private_message("This effect does not exist any more."))
    except SERVER_ERRORS as error:
        logger.warning("interaction_postponed error=%s", type(error).__name__)
        return Reply(200, private_message("Botticelli can't reach its database. Nothing was decided: try again."))


def _answer(runtime: Runtime, press: Press) -> Mapping[str, Any]:
    pending = _pending(runtime, press.key)
    refusal = _refusal(pending.security, press)
    if refusal is not None:
        log("approval_refused", effect=press.key, by=press.user_id)
        return private_message(refusal)
    if pending.effect.decided_by is not None:
        return private_message(decided_words(pending.effect))
    if not pending.is_open:
        return private_message("It does not wait for a decision any more.")
    if press.verb == "edit":
        if not is_editable(pending.effect):
            return private_message("This has no text that a form can hold.")
        return {"type": MODAL, "data": edit_form(pending.effect)}
    return _decided(runtime, pending, press)


def _decided(runtime: Runtime, pending: PendingApproval, press: Press) -> Mapping[str, Any]:
    """Decide, and return the message as it is then; one that was decided meanwhile is told to the one who pressed."""
    edits = {TEXT_ARGUMENT: press.text} if press.verb == "edited" else None
    try:
        result = decide(
            runtime, pending.effect.key, "rejected" if press.verb == "reject" else "approved", press.actor, edits=edits
        )
    except InvalidInput as error:
        effect = _pending(runtime, press.key).effect
        return private_message(decided_words(effect) if effect.decided_by is not None else f"Not possible: {error}")
    if not result.changed:
        return private_message(decided_words(result.effect))
    return {"type": UPDATE_MESSAGE, "data": decided_message(result.effect, pending.run.narrative)}


def _pending(runtime: Runtime, key: str) -> PendingApproval:
    """Read the effect by its whole key. Raises NotFound."""
    with runtime.store.transaction() as tx:
        effect = tx.effects.find(key)
        if effect.key != key:
            raise NotFound(f"there is no effect {key!r}")
        run = tx.runs.get(effect.run_id)
        demands = [demand.security for demand in demands_of_run(tx, run.id)]
    return PendingApproval(effect, run, (runtime.settings.security, *demands))


def _refusal(security: tuple[SecuritySettings, ...], press: Press) -> str | None:
    """Return why somebody may not decide; None for an approver of all settings that name any, this process's for certain."""
    own, *others = security
    if own.approver_user_ids is None and own.approver_role_ids is None:
        return "Nobody may decide here: [security] of the settings names no approver_user_ids and no approver_role_ids."
    for rules in (own, *others):
        users, roles = rules.approver_user_ids, rules.approver_role_ids
        if users is None and roles is None:
            continue
        if press.user_id not in (users or ()) and not press.role_ids & set(roles or ()):
            return "You may not decide this: [security] of the settings does not name you, and no role of yours."
    return None


def _press(body: Mapping[str, Any]) -> Press | None:
    """Read a press; None for a button that is not ours. Raises Malformed."""
    data = body.get("data")
    member = body.get("member") if isinstance(body.get("member"), dict) else {}
    user = (member or {}).get("user") or body.get("user")
    if not isinstance(data, dict) or not isinstance(user, dict) or not isinstance(user.get("id"), str):
        raise Malformed("the interaction names no button or no user")
    known = read_custom_id(str(data.get("custom_id")))
    if known is None or (known[0] == "edited") != (body.get("type") == FORM):
        return None
    roles = (member or {}).get("roles")
    text = next(_texts(data.get("components")), None) if body.get("type") == FORM else None
    if body.get("type") == FORM and text is None:
        raise Malformed("the form has no text")
    role_ids = frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()
    return Press(*known, user["id"], _name(user), role_ids, None if text is None else storable(text))


def _name(user: Mapping[str, Any]) -> str:
    name = "".join(letter for letter in str(user.get("username") or "somebody") if letter.isprintable())
    return str(storable(name))[:NAME_CHARACTERS]


def _texts(components: Any) -> Iterator[str]:
    """Yield the text of our field, in a label or in a row, as Discord sends either."""
    for component in components if isinstance(components, list) else []:
        if not isinstance(component, dict):
            continue
        if component.get("custom_id") == TEXT_ARGUMENT and isinstance(component.get("value"), str):
            yield component["value"]
        yield from _texts(component.get("components"))
        yield from _texts([component.get("component")])
