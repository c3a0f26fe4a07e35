"""What acts and their inputs say in files of the founding system, in the present form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER
from botticelli.narrative.model import MEDIA_KINDS
from botticelli.toml_text.positions import TomlPath
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
"""What commands are called today that were called otherwise in the founding system."""
_SETTINGS = ("model", "temperature", "max_tokens")
_SOURCES = ("url", "base64", "file")


def is_table(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def has_marks(place: Mapping[str, Any]) -> bool:
    """Whether an act of a file or of a narrative has a key that only the founding system knew."""
    return any(is_table(act) and any(key in act for key in ACT_MARKS) for _, act in _acts(place))


def translate_acts(found: Translation, path: TomlPath, place: dict[str, Any]) -> None:
    """The acts of the file, or of one of its narratives."""
    if is_table(place.get("act")) and "acts" not in place:
        found.move(path, "act", "acts")
    _lift(found, path, place)
    for where, act in list(_acts(place)):
        if is_table(act):
            _act(found, (*path, *where), act)


def _acts(place: Mapping[str, Any]) -> Iterator[tuple[TomlPath, Any]]:
    for word in ("acts", "act"):
        acts = place.get(word)
        if isinstance(acts, list):
            yield from (((word, index), act) for index, act in enumerate(acts))
        elif is_table(acts):
            yield from (((word, name), act) for name, act in acts.items())


def _lift(found: Translation, path: TomlPath, place: dict[str, Any]) -> None:
    """A plain act that stands behind an `[acts.x]` table belongs to that table, says TOML; the order says it is an act."""
    acts, toc = place.get("acts"), place.get("toc")
    order = toc.get("order") if is_table(toc) else toc
    if not is_table(acts) or not isinstance(order, list):
        return
    for name in [name for name in order if isinstance(name, str) and name not in acts and name not in keys.ACT.known]:
        for owner, act in list(acts.items()):
            if is_table(act) and isinstance(act.get(name), str | list):
                found.move_into((*path, "acts", owner), name, (*path, "acts"), acts)
                found.warn((*path, "acts", name), f"is taken for an act, not for a key of {owner}")
                break


def _act(found: Translation, path: TomlPath, act: dict[str, Any]) -> None:
    if "user" in act and "prompt" not in act:
        found.move(path, "user", "prompt")
    if "inputs" in act and "input" not in act:
        found.move(path, "inputs", "input")
    if is_table(act.get("config")):
        found.spread(path, act, "config", {}, _SETTINGS)
    for key in IGNORED:
        if key in act:
            found.leave_out((*path, key), act, "has no effect")
    if isinstance(act.get("input"), list):
        for index, value in enumerate(act["input"]):
            if is_table(value):
                _input(found, (*path, "input", index), value, path, act)
    _stores(found, path, act)


def _stores(found: Translation, path: TomlPath, act: dict[str, Any]) -> None:
    """Translate each way in which an act says that it keeps its output."""
    if isinstance(act.get("store_as"), str):
        _store(found, path, act, (*path, "store_as"), act)
    capture = act.get("state_capture")
    if is_table(capture):
        for name in list(capture):
            _store(found, path, act, (*path, "state_capture", name), capture)
        if not capture:
            del act["state_capture"]


def _store(found: Translation, path: TomlPath, act: dict[str, Any], said: TomlPath, table: dict[str, Any]) -> None:
    """The name under which an act keeps its output in state: `store_as` of an act or an input, or a key of `state_capture`."""
    written, last = found.written(said), str(said[-1])
    name = table[last] if last == "store_as" else last
    if "output_var" in act or not IDENTIFIER.accepts(name):
        what = "an act keeps its output under one name" if "output_var" in act else "is no name of a variable"
        found.leave_out(said, table, f"has no effect: {what}", "use output_var")
        return
    table.pop(str(said[-1]))
    act["output_var"] = name
    found.moved[(*path, "output_var")] = written


def _input(found: Translation, path: TomlPath, value: dict[str, Any], act_path: TomlPath, act: dict[str, Any]) -> None:
    kind = value.get("type", "text")
    if "text" in value and "content" not in value and kind == "text":
        found.move(path, "text", "content")
    if "command" in value and "type" not in value:
        kind = value["type"] = "bot_command"
    if isinstance(value.get("store_as"), str):
        _store(found, act_path, act, (*path, "store_as"), value)
    if kind in MEDIA_KINDS and is_table(value.get("source")):
        found.spread(path, value, "source", {}, _SOURCES)
    if kind == "bot_command":
        translate_command(found, path, value)
        _arguments(found, path, value)


def translate_command(found: Translation, path: TomlPath, value: dict[str, Any]) -> None:
    """The name of a command that is called otherwise today."""
    today = COMMANDS.get(value["command"]) if isinstance(value.get("command"), str) else None
    if today is not None and value.get("platform", "discord") == "discord":
        found.warn((*path, "command"), f"{value['command']} is called {today}")
        value["command"] = today


def _arguments(found: Translation, path: TomlPath, value: dict[str, Any]) -> None:
    """Every key of a command that is not its own is an argument of it."""
    args = value.setdefault("args", {})
    if not is_table(args):
        return
    for key in [key for key in value if key not in keys.COMMAND_INPUT.known]:
        if key not in args:
            found.move_into(path, key, (*path, "args"), args)
    if not args:
        del value["args"]
