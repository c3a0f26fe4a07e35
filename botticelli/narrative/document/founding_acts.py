"""Translates acts and their inputs from files of the founding system (the original system) into the present form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER
from botticelli.narrative.model import MEDIA_KINDS
from botticelli.toml_text.lexer import TomlPath
from botticelli.toml_text.translation import Translation

ACT_MARKS = ("inputs", "store_as", "state_capture", "user", "processors", "config")
IGNORED = ("processors", "description", "title", "role")
COMMANDS = {
    "channel.create": "channels.create",
    "channel.send_message": "messages.send",
    "channels.create_message": "messages.send",
    "channels.send_message": "messages.send",
    "channels.update": "channels.edit",
    "guilds.get": "server.get_stats",
    "message.send": "messages.send",
    "server.get": "server.get_stats",
    "server.get_info": "server.get_stats",
}
"""Present names of commands, by their names in the founding system."""
_SETTINGS = ("model", "temperature", "max_tokens")
_SOURCES = ("url", "base64", "file")


def is_table(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def has_marks(place: Mapping[str, Any]) -> bool:
    """Tell whether any act of a file or of a narrative has a key that only the founding system knew."""
    return any(is_table(act) and any(key in act for key in ACT_MARKS) for _, act in _acts(place))


def translate_acts(translation: Translation, path: TomlPath, place: dict[str, Any]) -> None:
    """Translate the acts of the file, or of one of its narratives."""
    if is_table(place.get("act")) and "acts" not in place:
        translation.move(path, "act", "acts")
    _lift_plain_acts(translation, path, place)
    for where, act in list(_acts(place)):
        if is_table(act):
            _translate_act(translation, (*path, *where), act)


def _acts(place: Mapping[str, Any]) -> Iterator[tuple[TomlPath, Any]]:
    for word in ("acts", "act"):
        acts = place.get(word)
        if isinstance(acts, list):
            yield from (((word, index), act) for index, act in enumerate(acts))
        elif is_table(acts):
            yield from (((word, name), act) for name, act in acts.items())


def _lift_plain_acts(translation: Translation, path: TomlPath, place: dict[str, Any]) -> None:
    """Lift a plain act out of the `[acts.x]` table that it follows in the file.

    TOML reads it as a key of that table; the toc names it as an act.
    """
    acts, toc = place.get("acts"), place.get("toc")
    order = toc.get("order") if is_table(toc) else toc
    if not is_table(acts) or not isinstance(order, list):
        return
    for name in [name for name in order if isinstance(name, str) and name not in acts and name not in keys.ACT.known]:
        for owner, act in list(acts.items()):
            if is_table(act) and isinstance(act.get(name), str | list):
                translation.move_into((*path, "acts", owner), name, (*path, "acts"), acts)
                translation.warn((*path, "acts", name), f"is read as an act, not as a key of {owner}")
                break


def _translate_act(translation: Translation, path: TomlPath, act: dict[str, Any]) -> None:
    if "user" in act and "prompt" not in act:
        translation.move(path, "user", "prompt")
    if "inputs" in act and "input" not in act:
        translation.move(path, "inputs", "input")
    if is_table(act.get("config")):
        translation.spread(path, act, "config", {}, _SETTINGS)
    for key in IGNORED:
        if key in act:
            translation.leave_out((*path, key), act, "has no effect")
    if isinstance(act.get("input"), list):
        for index, value in enumerate(act["input"]):
            if is_table(value):
                _translate_input(translation, (*path, "input", index), value, path, act)
    _translate_stores(translation, path, act)


def _translate_stores(translation: Translation, path: TomlPath, act: dict[str, Any]) -> None:
    """Translate the keys that store the output of an act in state."""
    if isinstance(act.get("store_as"), str):
        _move_state_key(translation, path, act, (*path, "store_as"), act)
    capture = act.get("state_capture")
    if is_table(capture):
        for name in list(capture):
            _move_state_key(translation, path, act, (*path, "state_capture", name), capture)
        if not capture:
            del act["state_capture"]


def _move_state_key(
    translation: Translation, path: TomlPath, act: dict[str, Any], source: TomlPath, table: dict[str, Any]
) -> None:
    """Move the state key of an output to `output_var`: from `store_as` of an act or an input, or from `state_capture`."""
    written, last = translation.written(source), str(source[-1])
    name = table[last] if last == "store_as" else last
    if "output_var" in act or not IDENTIFIER.accepts(name):
        reason = "an act keeps its output under one name" if "output_var" in act else "is not a valid variable name"
        translation.leave_out(source, table, f"has no effect: {reason}", "use output_var")
        return
    table.pop(str(source[-1]))
    act["output_var"] = name
    translation.moved[(*path, "output_var")] = written


def _translate_input(
    translation: Translation, path: TomlPath, value: dict[str, Any], act_path: TomlPath, act: dict[str, Any]
) -> None:
    kind = value.get("type", "text")
    if "text" in value and "content" not in value and kind == "text":
        translation.move(path, "text", "content")
    if "command" in value and "type" not in value:
        kind = value["type"] = "bot_command"
    if isinstance(value.get("store_as"), str):
        _move_state_key(translation, act_path, act, (*path, "store_as"), value)
    if kind in MEDIA_KINDS and is_table(value.get("source")):
        translation.spread(path, value, "source", {}, _SOURCES)
    if kind == "bot_command":
        translate_command(translation, path, value)
        _move_arguments(translation, path, value)


def translate_command(translation: Translation, path: TomlPath, value: dict[str, Any]) -> None:
    """Replace the founding system's name of a command by its present name."""
    today = COMMANDS.get(value["command"]) if isinstance(value.get("command"), str) else None
    if today is not None and value.get("platform", "discord") == "discord":
        translation.warn((*path, "command"), f"{value['command']} is now called {today}")
        value["command"] = today


def _move_arguments(translation: Translation, path: TomlPath, value: dict[str, Any]) -> None:
    """Move every unknown key of a command into its arguments."""
    args = value.setdefault("args", {})
    if not is_table(args):
        return
    for key in [key for key in value if key not in keys.COMMAND_INPUT.known]:
        if key not in args:
            translation.move_into(path, key, (*path, "args"), args)
    if not args:
        del value["args"]
