"""Words a Discord message with buttons that asks for the approval of an effect, and says who decided. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from botticelli.notices.wording.chat_body import plain_discord
from botticelli.store.runs.effect_difference import difference
from botticelli.store.runs.effect_rows import Effect

TEXT_ARGUMENT = "content"
"""The argument that is shown as it would appear, and that can be edited."""
PREFIX = "botticelli"
Verb = Literal["approve", "edit", "reject", "edited"]
VERBS: tuple[Verb, ...] = ("approve", "edit", "reject", "edited")
DESCRIPTION_CHARACTERS, FIELD_CHARACTERS, INPUT_CHARACTERS = 4096, 1024, 4000
TITLE_CHARACTERS = 200
ACTION_ROW, BUTTON, TEXT_INPUT, LABEL = 1, 2, 4, 18
"""Types of components. Source: Discord's documentation, "Component types"."""
BLURPLE, GREY, GREEN, RED = 1, 2, 3, 4
PARAGRAPH = 2
WAITS_COLOR, APPROVED_COLOR, REJECTED_COLOR = 0xF1C40F, 0x2ECC71, 0xE74C3C


def custom_id(verb: Verb, key: str) -> str:
    """Return the id of a button or a form, which carries the effect's key; at most 100 characters."""
    return f"{PREFIX}:{verb}:{key}"


def read_custom_id(text: str) -> tuple[Verb, str] | None:
    """Return the verb and the key; None for the id of another button."""
    prefix, _, rest = text.partition(":")
    verb, _, key = rest.partition(":")
    known = next((name for name in VERBS if name == verb), None)
    return (known, key) if prefix == PREFIX and known is not None and key else None


def waiting_message(effect: Effect, narrative: str, *, is_rehearsal: bool) -> dict[str, Any]:
    """Return the message that asks: the effect as it would appear, and the buttons.

    An effect that can't be shown whole can only be rejected here.
    """
    shown = _arguments(effect)
    is_whole = len(_text(effect)) <= DESCRIPTION_CHARACTERS and len(shown) <= FIELD_CHARACTERS
    buttons = [_button("Approve", GREEN, custom_id("approve", effect.key))] if is_whole else []
    if is_whole and is_editable(effect):
        buttons.append(_button("Edit", GREY, custom_id("edit", effect.key)))
    buttons.append(_button("Reject", RED, custom_id("reject", effect.key)))
    rehearsed = " (a rehearsal)" if is_rehearsal else ""
    embed = _embed(effect, f"{narrative}: {effect.command} waits for approval{rehearsed}", WAITS_COLOR)
    if not is_whole:
        command = f"botticelli effects approve {effect.key[:12]}"
        embed["fields"].append({"name": "Too long to be approved here", "value": f"`{command}` shows all of it"})
    return _message(embed, [{"type": ACTION_ROW, "components": buttons}])


def decided_message(effect: Effect, narrative: str) -> dict[str, Any]:
    """Return the message after the decision: who decided, and what was edited; without buttons."""
    word = "rejected" if effect.status == "rejected" else "approved"
    color = REJECTED_COLOR if word == "rejected" else APPROVED_COLOR
    embed = _embed(effect, f"{narrative}: {effect.command} was {word}", color)
    by = plain_discord(effect.decided_by or "somebody")
    embed["fields"].insert(0, {"name": word.capitalize(), "value": _cut(f"by {by}{_when(effect)}", FIELD_CHARACTERS)})
    if effect.decision_reason:
        embed["fields"].append(
            {"name": "Reason", "value": _cut(plain_discord(effect.decision_reason), FIELD_CHARACTERS)}
        )
    edits = "\n".join(difference(effect))
    if edits:
        embed["fields"].append({"name": "Edited", "value": _block("diff", edits)})
    return _message(embed, [])


def edit_form(effect: Effect) -> dict[str, Any]:
    """Return the form in which the text is edited."""
    text = {"type": TEXT_INPUT, "custom_id": TEXT_ARGUMENT, "style": PARAGRAPH, "value": _text(effect)}
    text |= {"required": True, "min_length": 1, "max_length": INPUT_CHARACTERS}
    label = {"type": LABEL, "label": "The text to send", "component": text}
    return {"custom_id": custom_id("edited", effect.key), "title": "Edit and approve", "components": [label]}


def is_editable(effect: Effect) -> bool:
    """Whether the text fits into a form of Discord."""
    return isinstance(effect.args.get(TEXT_ARGUMENT), str) and 0 < len(_text(effect)) <= INPUT_CHARACTERS


def decided_words(effect: Effect) -> str:
    """Say who decided an effect, for somebody who comes later."""
    word = "rejected" if effect.status == "rejected" else "approved"
    return f"It was already {word} by {plain_discord(effect.decided_by or 'somebody')}{_when(effect)}."


def _message(embed: Mapping[str, Any], components: list[Any]) -> dict[str, Any]:
    return {"embeds": [embed], "components": components, "allowed_mentions": {"parse": []}}


def _embed(effect: Effect, title: str, color: int) -> dict[str, Any]:
    """Return what is shown of an effect: its text as it would appear, its other arguments, and where it belongs."""
    fields = [{"name": "Arguments", "value": _block("", _arguments(effect))}] if _arguments(effect) else []
    place = f"iteration {effect.number}, act {effect.act}, run {effect.run_id}"
    fields.append({"name": "Where", "value": _cut(plain_discord(place), FIELD_CHARACTERS)})
    footer = {"text": f"effect {effect.key}"}
    embed: dict[str, Any] = {"title": _cut(plain_discord(title), TITLE_CHARACTERS), "color": color, "fields": fields}
    text = {"description": _cut(_text(effect), DESCRIPTION_CHARACTERS)} if _text(effect) else {}
    return embed | text | {"footer": footer}


def _text(effect: Effect) -> str:
    value = effect.args.get(TEXT_ARGUMENT)
    return value if isinstance(value, str) else ""


def _arguments(effect: Effect) -> str:
    """Return the other arguments, one on a line."""
    others = [(name, value) for name, value in effect.args.items() if name != TEXT_ARGUMENT or not _text(effect)]
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in others)


def _block(language: str, text: str) -> str:
    """Return a block of code that its text can't end."""
    room = FIELD_CHARACTERS - len(language) - 8
    inner = _cut(text.replace("```", "`\u200b`\u200b`"), room)
    return f"```{language}\n{inner}\n```"


def _button(label: str, style: int, identity: str) -> dict[str, Any]:
    return {"type": BUTTON, "style": style, "label": label, "custom_id": identity}


def _when(effect: Effect) -> str:
    return f" at {effect.decided_at:%Y-%m-%d %H:%M} UTC" if effect.decided_at is not None else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
