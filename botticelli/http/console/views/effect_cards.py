"""Shows effects as they would appear outside, with what a person may change of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.http.console.views.message_blocks import Block, blocks_of
from botticelli.store import Effect, WaitingEffect

TEXT_ARGUMENTS = ("content", "topic", "name", "reason")
EDITABLE_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command. `text` is what a field shows: a text as it is, anything else as JSON."""

    name: str
    text: str
    is_json: bool

    @property
    def rows(self) -> int:
        return min(16, max(1, self.text.count("\n") + len(self.text) // 80 + 1))


@dataclass(frozen=True, slots=True)
class EffectCard:
    """An effect in the inbox. `message` are the blocks of a text that would be posted; None for other commands."""

    effect: Effect
    arguments: tuple[Argument, ...]
    message: tuple[Block, ...] | None
    embeds: tuple[Mapping[str, str], ...]
    narrative: str
    rehearse: bool
    can_edit: bool

    @property
    def title(self) -> str:
        """Say in a few words what approving it does."""
        noun, _, verb = self.effect.command.partition(".")
        words = {"messages.send": "Send a message", "messages.edit": "Change a message"}
        return words.get(self.effect.command, f"{verb.replace('_', ' ').capitalize()} {noun.rstrip('s')}".strip())


def card_of(effect: Effect) -> EffectCard:
    """Return the card of an effect."""
    content = effect.args.get("content")
    is_message = effect.command.startswith("messages.") and isinstance(content, str)
    embeds = effect.args.get("embeds") if is_message else None
    is_waiting = isinstance(effect, WaitingEffect)
    return EffectCard(
        effect=effect,
        arguments=tuple(argument_of(name, value) for name, value in _in_order(effect.args)),
        message=tuple(blocks_of(str(content))) if is_message else None,
        embeds=tuple(_embed(item) for item in embeds if isinstance(item, Mapping)) if isinstance(embeds, list) else (),
        narrative=effect.narrative if isinstance(effect, WaitingEffect) else "",
        rehearse=effect.rehearse if isinstance(effect, WaitingEffect) else False,
        can_edit=is_waiting and effect.platform != "database",
    )


def argument_of(name: str, value: Any) -> Argument:
    if isinstance(value, str):
        return Argument(name, value, False)
    return Argument(name, json.dumps(value, ensure_ascii=False, indent=2), True)


def _in_order(args: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the arguments with the texts that people read first."""
    return sorted(args.items(), key=lambda item: (item[0] not in TEXT_ARGUMENTS, item[0] != "content"))


def _embed(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(item[name]) for name in ("title", "description", "url") if item.get(name)}
