"""Rewrites a narrative file in the table form: headers and names change, every other line stays as its author wrote it.

Inline tables that have to move (`act = [{...}]`, `metadata.name = "x"`) are written out first, by tomlkit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.narrative.assembly.load import parse_all
from botticelli.narrative.authoring.modernise import modernise
from botticelli.narrative.source.environment import Environment
from botticelli.toml_text.lexer import Positions, Refusal, TomlPath, tokenize

MAX_INLINE_CHARACTERS = 128 * 1024
"""Limits the size of a file that tomlkit rewrites: its time grows with the square of the size."""
NEW_NAMES: Mapping[str, TomlPath] = {"metadata": ("narrative",), "carousel": ("narrative", "carousel")}
_HEADER = re.compile(r"(?P<indent>\s*)\[\[?.*?\]\]?(?P<rest>\s*(?:#.*)?)")
_PAIR = re.compile(r"\s*[\w\"'-]+\s*=\s*(?:\"[^\"\\]*\"|'[^']*'|[^#\"']*?)\s*(?P<comment>#.*)?")


class _AnyValue(Environment):
    """Gives every `${NAME}` the same value, so that both readings of a file can be compared."""

    def get(self, name: str) -> str | None:
        return "0"


def convert(text: str, *, source: str, folder: Path) -> str:
    """Return the text in the table form, with its comments and its meaning; converting it again changes nothing.

    Raises NarrativeError for a text that doesn't load, InvalidInput for one that can't be converted.
    """
    before = _meanings(text, source, folder)
    text = text.replace("\r\n", "\n")
    today = modernise(text, source=source, folder=folder, environment=_AnyValue())
    converted = _Converter(_write_out_inline(today, source)).converted()
    if _meanings(converted, source, folder) != before:
        raise InvalidInput(
            "it can't be converted without changing what it means",
            where=source,
            do="write each [table] and each name on a line of its own",
        )
    return converted


def _meanings(text: str, source: str, folder: Path) -> Any:
    """Return what each narrative of the file means, without line numbers. Raises NarrativeError."""
    narratives = parse_all(text, source=source, folder=folder, environment=_AnyValue())
    return [_without_lines(loaded.narrative.snapshot()) for loaded in narratives]


def _without_lines(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_lines(inner) for key, inner in value.items() if key != "line"}
    return [_without_lines(item) for item in value] if isinstance(value, list) else value


def _write_out_inline(text: str, source: str) -> str:
    """Write out the inline tables that the table form moves, with `[headers]`."""
    document = tomllib.loads(text)
    openers = {path[0] for path in _positions(text).headers()}
    inline = [key for key in ("metadata", "narrative", "carousel", "act", "acts") if _is_inline(document, key, openers)]
    if not inline:
        return text
    if len(text) > MAX_INLINE_CHARACTERS:
        limit = f"{MAX_INLINE_CHARACTERS:,}"
        message = f"{', '.join(inline)} is written inline, in a file of more than {limit} characters"
        raise InvalidInput(message, where=source, do="write it as a [table]")
    import tomlkit

    rest = tomlkit.parse(text)
    for key in inline:
        rest.remove(key)
    parts = [tomlkit.dumps({key: document[key]}) for key in inline]
    return "\n".join([rest.as_string().rstrip("\n"), *parts]).lstrip("\n")


def _is_inline(document: Mapping[str, Any], key: str, openers: set[str | int]) -> bool:
    if key not in document or key in openers:
        return False
    moved = key in NEW_NAMES or key == "act" or isinstance(document[key], list)
    return moved or (key == "narrative" and ("carousel" in document or "carousel" in _toc_table(document)))


def _toc_table(document: Mapping[str, Any]) -> Mapping[str, Any]:
    toc = document.get("toc")
    return toc if isinstance(toc, dict) else {}


def _positions(text: str) -> Positions:
    tokens = tokenize(text)
    return Positions(text, () if isinstance(tokens, Refusal) else tokens)


@dataclass
class _Converter:
    """Converts the lines of a file; a line that becomes None is removed."""

    text: str
    lines: list[str | None] = field(default_factory=list)

    def converted(self) -> str:
        self.lines = [*self.text.split("\n")]
        document = tomllib.loads(self.text)
        positions = _positions(self.text)
        names = _names_of_acts(document)
        headers = positions.headers()
        self._drop_pairs(positions, names)
        self._merge_carousels(document, positions, headers)
        for path, line in headers.items():
            self._rewrite_header(line, path, _new_path(path, names))
        order = _order_by_scene(document, names)
        lines = [line for line in self.lines if line is not None]
        if order:
            lines[_first_gap(lines) : _first_gap(lines)] = [f"toc = [{', '.join(map(_quoted, order))}]", ""]
        return "\n".join(lines)

    def _drop_pairs(self, positions: Positions, names: Mapping[TomlPath, str]) -> None:
        """Drop names and scenes, which are part of the headers and of the order now."""
        for path in names:
            for key in ("name", "act_name", "scene"):
                line = positions.at((*path, key))[0]
                if line and positions.at((*path, key)) != positions.at(path):
                    self._drop(line)

    def _merge_carousels(
        self, document: Mapping[str, Any], positions: Positions, headers: Mapping[TomlPath, int]
    ) -> None:
        """Leave one carousel: [narrative.carousel], or the root's in its place; `toc.carousel` becomes it if it is alone."""
        own = [key for key in ("narrative", "metadata") if "carousel" in document.get(key, {})]
        if own and "carousel" in document:
            for path, line in headers.items():
                if path[0] == "carousel":
                    self._drop_block(line, headers)
        if "carousel" in _toc_table(document):
            line = positions.at(("toc", "carousel"))[0]
            self._drop(line)
            if ("toc",) in headers and len(_toc_table(document)) == 1:
                self._drop(headers[("toc",)])
            if not own and "carousel" not in document:
                self.lines += ["[narrative.carousel]", f"iterations = {_toc_table(document)['carousel']}", ""]

    def _drop_block(self, line: int, headers: Mapping[TomlPath, int]) -> None:
        """Drop a header and its keys, but not the comments."""
        end = min((other for other in headers.values() if other > line), default=len(self.lines) + 1)
        for number in range(line, end):
            text = self.lines[number - 1]
            if text is not None and text.strip() and not text.lstrip().startswith("#"):
                self.lines[number - 1] = None

    def _drop(self, line: int) -> None:
        """Drop the line of a key; its comment stays on a line of its own."""
        pair = _PAIR.fullmatch(self.lines[line - 1] or "")
        if pair is not None or (self.lines[line - 1] or "").lstrip().startswith("["):
            self.lines[line - 1] = pair["comment"] if pair else None

    def _rewrite_header(self, line: int, old: TomlPath, new: TomlPath) -> None:
        match = _HEADER.fullmatch(self.lines[line - 1] or "")
        if match is not None and new != old:
            dotted = ".".join(str(part) for part in new if isinstance(part, str))
            header = f"[[{dotted}]]" if isinstance(new[-1], int) else f"[{dotted}]"
            self.lines[line - 1] = f"{match['indent']}{header}{match['rest']}"


def _names_of_acts(document: Mapping[str, Any]) -> dict[TomlPath, str]:
    """Return the name of each act of the list form, by its path."""
    names: dict[TomlPath, str] = {}
    for key in ("act", "acts"):
        listed = document.get(key)
        for index, act in enumerate(listed if isinstance(listed, list) else ()):
            names[key, index] = act.get("name") or act.get("act_name")
    return names


def _new_path(path: TomlPath, names: Mapping[TomlPath, str]) -> TomlPath:
    if path[:2] in names:
        return ("acts", names[path[:2]], *path[2:])
    return (*NEW_NAMES[str(path[0])], *path[1:]) if path[0] in NEW_NAMES else path


def _order_by_scene(document: Mapping[str, Any], names: Mapping[TomlPath, str]) -> Sequence[str]:
    """Order the acts by scene, an act without one behind the act before it; empty where that is the file's order."""
    listed = document.get("act") or document.get("acts")
    scenes = {act.get("name") or act.get("act_name"): act.get("scene") for act in listed or ()} if names else {}
    given = [scene for scene in scenes.values() if scene is not None]
    if not given or "toc" in document:
        return ()
    scene, placed = min(given), {}
    for name, own in scenes.items():
        scene = placed[name] = scene if own is None else own
    order = sorted(placed, key=lambda name: placed[name])
    return order if order != list(placed) else ()


def _first_gap(lines: Sequence[str]) -> int:
    """Return the line where a key of the root may stand: after the comment that the file begins with."""
    head = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
    return head + 1 if head < len(lines) and not lines[head].strip() else 0


def _quoted(name: str) -> str:
    return f'"{name}"'
