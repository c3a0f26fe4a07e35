"""Rewrites a narrative file in the table form: headers and names change, every other line stays as its author wrote it.

What is written inline (`act = [{...}]`, `metadata.name = "x"`) is written out first, by tomlkit.
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
from botticelli.narrative.authoring.modernise import modernised
from botticelli.narrative.source.environment import Environment
from botticelli.toml_text.positions import Positions, TomlPath
from botticelli.toml_text.tokens import Refusal, tokenize

MAX_INLINE_CHARACTERS = 128 * 1024
"""Of a file that tomlkit has to rewrite: the time that it takes grows with the square of the size."""
NEW_NAMES: Mapping[str, TomlPath] = {"metadata": ("narrative",), "carousel": ("narrative", "carousel")}
_HEADER = re.compile(r"(?P<indent>\s*)\[\[?.*?\]\]?(?P<rest>\s*(?:#.*)?)")
_PAIR = re.compile(r"\s*[\w\"'-]+\s*=\s*(?:\"[^\"\\]*\"|'[^']*'|[^#\"']*?)\s*(?P<comment>#.*)?")


class _AnyValue(Environment):
    """Whatever `${NAME}` is, both readings of a file see the same."""

    def get(self, name: str) -> str | None:
        return "0"


def convert(text: str, *, source: str, folder: Path) -> str:
    """The text in the table form, with its comments; it means the same, and converting it again changes nothing.

    NarrativeError for a text that doesn't load, InvalidInput for one that can't be converted.
    """
    before = _meanings(text, source, folder)
    text = text.replace("\r\n", "\n")
    today = modernised(text, source=source, folder=folder, environment=_AnyValue())
    converted = _Sheet(_written_out(today, source)).converted()
    if _meanings(converted, source, folder) != before:
        raise InvalidInput(
            "it can't be converted without changing what it means",
            where=source,
            do="write each [table] and each name on a line of its own",
        )
    return converted


def _meanings(text: str, source: str, folder: Path) -> Any:
    """Of each narrative of the file. NarrativeError."""
    found = parse_all(text, source=source, folder=folder, environment=_AnyValue())
    return [_without_lines(one.narrative.snapshot()) for one in found]


def _without_lines(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_lines(inner) for key, inner in value.items() if key != "line"}
    return [_without_lines(one) for one in value] if isinstance(value, list) else value


def _written_out(text: str, source: str) -> str:
    """With `[headers]` for what the table form has to move."""
    document = tomllib.loads(text)
    openers = {path[0] for path in _positions(text).headers()}
    inline = [key for key in ("metadata", "narrative", "carousel", "act", "acts") if _is_inline(document, key, openers)]
    if not inline:
        return text
    if len(text) > MAX_INLINE_CHARACTERS:
        limit = f"{MAX_INLINE_CHARACTERS:,}"
        what = f"{', '.join(inline)} is written inline, in a file of more than {limit} characters"
        raise InvalidInput(what, where=source, do="write it as a [table]")
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
    return moved or (key == "narrative" and ("carousel" in document or "carousel" in _toc(document)))


def _toc(document: Mapping[str, Any]) -> Mapping[str, Any]:
    toc = document.get("toc")
    return toc if isinstance(toc, dict) else {}


def _positions(text: str) -> Positions:
    tokens = tokenize(text)
    return Positions(text, () if isinstance(tokens, Refusal) else tokens)


@dataclass
class _Sheet:
    """The lines of a file, and what becomes of each: `None` is a line that goes."""

    text: str
    lines: list[str | None] = field(default_factory=list)

    def converted(self) -> str:
        self.lines = [*self.text.split("\n")]
        document = tomllib.loads(self.text)
        positions = _positions(self.text)
        names = _names_of_acts(document)
        headers = positions.headers()
        self._drop_pairs(positions, names)
        self._carousels(document, positions, headers)
        for path, line in headers.items():
            self._rewrite_header(line, path, _new_path(path, names))
        order = _order_by_scene(document, names)
        kept = [line for line in self.lines if line is not None]
        if order:
            kept[_first_gap(kept) : _first_gap(kept)] = [f"toc = [{', '.join(map(_quoted, order))}]", ""]
        return "\n".join(kept)

    def _drop_pairs(self, positions: Positions, names: Mapping[TomlPath, str]) -> None:
        """Names are part of the headers now, and scenes are in the order."""
        for path in names:
            for key in ("name", "act_name", "scene"):
                line = positions.at((*path, key))[0]
                if line and positions.at((*path, key)) != positions.at(path):
                    self._drop(line)

    def _carousels(self, document: Mapping[str, Any], positions: Positions, headers: Mapping[TomlPath, int]) -> None:
        """One is enough: [narrative.carousel], or the root's in its place; `toc.carousel` becomes it where there is none."""
        own = [key for key in ("narrative", "metadata") if "carousel" in document.get(key, {})]
        if own and "carousel" in document:
            for path, line in headers.items():
                if path[0] == "carousel":
                    self._drop_block(line, headers)
        if "carousel" in _toc(document):
            line = positions.at(("toc", "carousel"))[0]
            self._drop(line)
            if ("toc",) in headers and len(_toc(document)) == 1:
                self._drop(headers[("toc",)])
            if not own and "carousel" not in document:
                self.lines += ["[narrative.carousel]", f"iterations = {_toc(document)['carousel']}", ""]

    def _drop_block(self, line: int, headers: Mapping[TomlPath, int]) -> None:
        """A header and what it holds; comments stay."""
        end = min((other for other in headers.values() if other > line), default=len(self.lines) + 1)
        for number in range(line, end):
            text = self.lines[number - 1]
            if text is not None and text.strip() and not text.lstrip().startswith("#"):
                self.lines[number - 1] = None

    def _drop(self, line: int) -> None:
        """The line of a key; its comment stays on a line of its own."""
        pair = _PAIR.fullmatch(self.lines[line - 1] or "")
        if pair is not None or (self.lines[line - 1] or "").lstrip().startswith("["):
            self.lines[line - 1] = pair["comment"] if pair else None

    def _rewrite_header(self, line: int, old: TomlPath, new: TomlPath) -> None:
        found = _HEADER.fullmatch(self.lines[line - 1] or "")
        if found is not None and new != old:
            dotted = ".".join(str(one) for one in new if isinstance(one, str))
            header = f"[[{dotted}]]" if isinstance(new[-1], int) else f"[{dotted}]"
            self.lines[line - 1] = f"{found['indent']}{header}{found['rest']}"


def _names_of_acts(document: Mapping[str, Any]) -> dict[TomlPath, str]:
    """Of each act of the list form, by where it stands."""
    found: dict[TomlPath, str] = {}
    for key in ("act", "acts"):
        listed = document.get(key)
        for index, act in enumerate(listed if isinstance(listed, list) else ()):
            found[key, index] = act.get("name") or act.get("act_name")
    return found


def _new_path(path: TomlPath, names: Mapping[TomlPath, str]) -> TomlPath:
    if path[:2] in names:
        return ("acts", names[path[:2]], *path[2:])
    return (*NEW_NAMES[str(path[0])], *path[1:]) if path[0] in NEW_NAMES else path


def _order_by_scene(document: Mapping[str, Any], names: Mapping[TomlPath, str]) -> Sequence[str]:
    """Order the acts by scene, where that differs from the order of the file.

    The order of the acts, where their scenes make it another one than that of the file: by scene, an act without one
    behind the act it follows.
    """
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
    """Where a key of the root may stand: after the comment that the file begins with."""
    head = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
    return head + 1 if head < len(lines) and not lines[head].strip() else 0


def _quoted(name: str) -> str:
    return f'"{name}"'
