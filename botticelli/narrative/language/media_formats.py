"""Lists the media formats that model providers accept: their MIME types, file suffixes and first bytes. Reads no file.

Sources: the media pages of Gemini, Anthropic and OpenAI (November 2026); magic numbers as in the formats' standards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from botticelli.narrative.model import MediaKind


@dataclass(frozen=True, slots=True)
class Format:
    """Describes a media format. `begins` matches the first bytes; None for text, which must be UTF-8."""

    mime: str
    kind: MediaKind
    suffixes: tuple[str, ...]
    begins: re.Pattern[bytes] | None


def _magic(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


FORMATS = (
    Format("image/png", "image", ("png",), _magic(rb"\x89PNG\r\n\x1a\n")),
    Format("image/jpeg", "image", ("jpg", "jpeg"), _magic(rb"\xff\xd8\xff")),
    Format("image/gif", "image", ("gif",), _magic(rb"GIF8[79]a")),
    Format("image/webp", "image", ("webp",), _magic(rb"RIFF.{4}WEBP")),
    Format("image/heic", "image", ("heic", "heif"), _magic(rb".{4}ftyp(?:hei|hev|mif|msf)")),
    Format("application/pdf", "document", ("pdf",), _magic(rb"%PDF-")),
    Format("audio/mpeg", "audio", ("mp3",), _magic(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")),
    Format("audio/wav", "audio", ("wav",), _magic(rb"RIFF.{4}WAVE")),
    Format("audio/ogg", "audio", ("ogg", "opus", "oga"), _magic(rb"OggS")),
    Format("audio/flac", "audio", ("flac",), _magic(rb"fLaC")),
    Format("audio/aac", "audio", ("aac",), _magic(rb"\xff[\xf0\xf1\xf8\xf9]|ADIF")),
    Format("audio/mp4", "audio", ("m4a",), _magic(rb".{4}ftyp(?!hei|hev|mif|msf|qt)")),
    Format("video/mp4", "video", ("mp4", "m4v"), _magic(rb".{4}ftyp(?!hei|hev|mif|msf|qt)")),
    Format("video/quicktime", "video", ("mov",), _magic(rb".{4}(?:ftypqt|moov|mdat|wide)")),
    Format("video/webm", "video", ("webm",), _magic(rb"\x1a\x45\xdf\xa3")),
    Format("text/plain", "document", ("txt", "text", "log"), None),
    Format("text/markdown", "document", ("md", "markdown"), None),
    Format("text/csv", "document", ("csv",), None),
    Format("text/html", "document", ("html", "htm"), None),
    Format("application/json", "document", ("json",), None),
)
_BY_MIME = {format_.mime: format_ for format_ in FORMATS}
_BY_SUFFIX = {suffix: format_ for format_ in FORMATS for suffix in format_.suffixes}
_OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/heif": "image/heic",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "video/mov": "video/quicktime",
}


def canonical_mime(mime: str) -> str:
    """Return a MIME type under its registered name, in lower case and without parameters."""
    plain = mime.partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(plain, plain)


def mime_of_name(name: str) -> str | None:
    """Return the MIME type for the suffix of a file's name; None when the suffix is unknown."""
    format_ = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower().removeprefix("."))
    return format_.mime if format_ else None


def detect_mime(data: bytes, kind: MediaKind) -> str | None:
    """Return the MIME type of the first format of this kind that the content matches; None when none does."""
    return next((format_.mime for format_ in FORMATS if format_.kind == kind and _matches(format_, data)), None)


def fault_of_mime(mime: str, kind: MediaKind) -> str | None:
    """Return why `mime` can't be the type of such an input; None when it can."""
    known = _BY_MIME.get(mime) or (_BY_MIME["text/plain"] if re.fullmatch(r"text/[a-z0-9.+-]+", mime) else None)
    if known is None:
        return f"no model accepts {mime}"
    return None if known.kind == kind else f"{mime} is not of type {kind}"


def content_problem(data: bytes, mime: str) -> str | None:
    """Return why `data` is not what `mime` says; None when it is."""
    if not data:
        return "is empty"
    known = _BY_MIME.get(mime, _BY_MIME["text/plain"])
    if _matches(known, data):
        return None
    actual = next((format_.mime for format_ in FORMATS if format_.begins and format_.begins.match(data)), None)
    if known.begins is None:
        return "is not UTF-8 text"
    return f"is {actual}, not {mime}" if actual else f"is not {mime} by its content"


def _matches(known: Format, data: bytes) -> bool:
    if known.begins is not None:
        return known.begins.match(data) is not None
    try:
        return b"\0" not in data and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False
