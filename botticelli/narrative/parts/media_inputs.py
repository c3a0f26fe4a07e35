"""Reads media inputs: the bytes of a file or a base64 text, checked against their type. Fetches no URL.

Source of the rules: row S2 of the security notes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from botticelli.narrative.language import keys
from botticelli.narrative.language.media_formats import (
    canonical_mime,
    content_problem,
    detect_mime,
    fault_of_mime,
    mime_of_name,
)
from botticelli.narrative.language.value_rules import read_table
from botticelli.narrative.model import MEDIA_KINDS, MediaInput, MediaKind, Template
from botticelli.narrative.source.media_store import MediaStoreFull
from botticelli.narrative.source.problems import shown
from botticelli.narrative.source.source_text import Unreadable, read_bytes_within
from botticelli.narrative.templates.template_reader import TemplateReader
from botticelli.toml_text.lexer import TomlPath

_SOURCES = ("url", "base64", "file")
_DATA_URL = re.compile(r"data:([^;,]*);base64,")


def read_media(texts: TemplateReader, path: TomlPath, value: dict[str, Any]) -> MediaInput | None:
    """Read an input of type image, audio, video or document, or `[media.NAME]`; None when something is wrong."""
    table = read_table(texts.problems, path, value, keys.MEDIA, subject="a media input")
    if table.get("required") is False:
        texts.problems.ignore((*path, "required"), "has no effect: an act fails when its media can't be loaded")
    given = [key for key in _SOURCES if key in value]
    if len(given) != 1:
        message = f"{' and '.join(given)} exclude each other" if given else "is missing"
        texts.problems.add((*path, given[-1] if given else "file"), message, "give one of url, base64 and file")
        return None
    if given[0] not in table:
        return None
    reader = _MediaReader(texts, path, table)
    return reader.of_url() if given == ["url"] else reader.of_bytes(given[0])


class _MediaReader:
    def __init__(self, texts: TemplateReader, path: TomlPath, table: Mapping[str, Any]) -> None:
        self._texts = texts
        self._path = path
        self._table = table

    def of_url(self) -> MediaInput | None:
        here = (*self._path, "url")
        url = self._texts.template(here, self._table["url"])
        name = _last_part(url)
        mime = self._mime(name, None)
        kind = self._kind(mime)
        if kind is None:
            return None
        fault = _url_problem(url)
        if fault is not None:
            self._texts.problems.add(here, fault, "write https://HOST/PATH")
        return self._input(kind, mime or "", url=url)

    def of_bytes(self, source: str) -> MediaInput | None:
        here = (*self._path, source)
        data = self._file(here) if source == "file" else self._base64(here)
        if data is None:
            return None
        name = str(self._table["file"]) if source == "file" else ""
        mime = self._mime(name, data)
        kind = self._kind(mime)
        if kind is None or mime is None:
            return None
        fault = content_problem(data, mime)
        if fault is not None:
            self._report(here, f"{shown(name)}: {fault}" if name else fault, "correct mime, or the content")
            return None
        try:
            sha256 = self._texts.media.put(data)
        except MediaStoreFull as error:
            self._report(here, str(error))
            return None
        filename = PurePosixPath(name).name or None
        return self._input(kind, mime, sha256=sha256, size_bytes=len(data), filename=filename)

    def _input(self, kind: MediaKind, mime: str, **values: Any) -> MediaInput:
        values["filename"] = self._table.get("filename") or values.get("filename")
        values |= {key: self._table[key] for key in ("history_retention",) if key in self._table}
        return MediaInput(type=kind, mime=mime, line=self._texts.problems.line_of(self._path), **values)

    def _file(self, here: TomlPath) -> bytes | None:
        name: str = self._table["file"]
        if self._texts.folders is None:
            self._report(here, "a narrative sent as text can't read files", "use url or base64")
            return None
        try:
            return read_bytes_within(
                self._texts.folders, name, self._texts.media.limits.file_bytes, above=self._texts.above
            )
        except Unreadable as error:
            self._report(here, f"{shown(name)}: {error}")
            return None

    def _base64(self, here: TomlPath) -> bytes | None:
        text = _DATA_URL.sub("", self._table["base64"], count=1)
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            self._report(here, "is not base64")
            return None
        if len(data) > self._texts.media.limits.file_bytes:
            self._report(here, f"is larger than {self._texts.media.limits.file_bytes:,} bytes")
            return None
        return data

    def _mime(self, name: str, data: bytes | None) -> str | None:
        """Return the MIME type as written, else by the name, else by the content for the kind in `type`."""
        if "mime" in self._table:
            return canonical_mime(self._table["mime"])
        named = _DATA_URL.match(self._table.get("base64", ""))
        by_name = mime_of_name(str(self._table.get("filename", ""))) or mime_of_name(name)
        if by_name or (named and named[1]):
            return by_name or canonical_mime(named[1] if named else "")
        kind = self._table.get("type")
        return detect_mime(data, kind) if data and kind in MEDIA_KINDS else None

    def _kind(self, mime: str | None) -> MediaKind | None:
        """Return the kind in `type`; `[media.NAME]` may leave it out, then the MIME type decides."""
        written = self._table.get("type")
        if written is not None and written not in MEDIA_KINDS:
            hint = self._texts.problems.guess(written, MEDIA_KINDS, otherwise="the types are")
            self._report((*self._path, "type"), f"there is no media type {shown(written)}", hint)
            return None
        here = (*self._path, "mime")
        if mime is None:
            if written in MEDIA_KINDS and "url" in self._table:
                return _as_kind(written)
            self._report(here, "is missing, and the file name does not tell it", 'write mime = "image/png" or the like')
            return None
        kinds = [_as_kind(written)] if written else MEDIA_KINDS
        faults = [fault_of_mime(mime, kind) for kind in kinds]
        if None in faults:
            return kinds[faults.index(None)]
        self._report(here if "mime" in self._table else self._path, str(faults[0]), "change type or mime")
        return None

    def _report(self, path: TomlPath, message: str, hint: str = "") -> None:
        self._texts.problems.add(path, message, hint)


def _as_kind(written: Any) -> MediaKind:
    return MEDIA_KINDS[MEDIA_KINDS.index(written)]


def _last_part(url: Template) -> str:
    """Return the last part of a URL without query and fragment; empty where it is a reference."""
    last = url.parts[-1] if url.parts else ""
    return re.split("[?#]", last)[0] if isinstance(last, str) else ""


def _url_problem(url: Template) -> str | None:
    """Return what is wrong with a URL, as far as it shows before its references are known."""
    first = url.parts[0] if url.parts else ""
    if not isinstance(first, str):
        return None
    try:
        parts = urlsplit(first)
    except ValueError:
        return "is not a valid URL"
    if parts.scheme not in ("https", "http"):
        return "is not an https URL"
    if "@" in parts.netloc:
        return "contains a user name; media are fetched without credentials"
    return None if parts.netloc or len(url.parts) > 1 else "has no host"
