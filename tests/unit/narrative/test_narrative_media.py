"""Tests that media are read only inside the narrative's folder, up to a size, and with content of their type."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Loaded, load_narrative
from botticelli.narrative.language.media_formats import (
    FORMATS,
    content_problem,
    detect_mime,
    fault_of_mime,
    mime_of_name,
)
from botticelli.narrative.model import MediaInput
from botticelli.narrative.source.media_store import MediaLimits

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BEGINNINGS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF0000WEBP",
    "image/heic": b"\0\0\0\x18ftypheic",
    "application/pdf": b"%PDF-1.7",
    "audio/mpeg": b"ID3\4",
    "audio/wav": b"RIFF0000WAVE",
    "audio/ogg": b"OggS",
    "audio/flac": b"fLaC",
    "audio/aac": b"\xff\xf1",
    "audio/mp4": b"\0\0\0\x18ftypM4A ",
    "video/mp4": b"\0\0\0\x18ftypisom",
    "video/quicktime": b"\0\0\0\x18ftypqt  ",
    "video/webm": b"\x1aE\xdf\xa3",
    "text/plain": b"words",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "narratives"
    inner.mkdir()
    (inner / "a.png").write_bytes(PNG)
    (tmp_path / "outside.png").write_bytes(PNG)
    return inner


def load(folder: Path, keys: str, limits: MediaLimits | None = None) -> Loaded:
    file = folder / "story.toml"
    file.write_text(f'[acts.a]\nprompt = "Look."\n[[acts.a.input]]\n{keys}\n', encoding="utf-8")
    return load_narrative(file, media_limits=limits)


def test_media_file_becomes_content_named_by_its_hash(folder: Path) -> None:
    loaded = load(folder, 'type = "image"\nfile = "a.png"\n[[acts.a.input]]\ntype = "image"\nfile = "./a.png"')
    sha256 = hashlib.sha256(PNG).hexdigest()
    media = [input_ for input_ in loaded.narrative.acts[0].inputs if isinstance(input_, MediaInput)]
    assert [(input_.mime, input_.sha256, input_.size_bytes, input_.filename) for input_ in media] == [
        ("image/png", sha256, len(PNG), "a.png")
    ] * 2
    assert loaded.media == {sha256: PNG}
    assert base64.b64encode(PNG[:12]).decode() not in str(loaded.narrative.snapshot())
    assert repr(PNG) not in repr(loaded)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.png", "must be inside"),
        ("x/../../outside.png", "must be inside"),
        ("/etc/passwd", "must be inside"),
        ("~/a.png", "must be inside"),
        ("file:///etc/passwd", "must be inside"),
        ("link.png", "symbolic link"),
        ("folder/a.png", "symbolic link"),
        ("hard.png", "hard link"),
        ("sub/hard.png", "hard link"),
        ("pipe.png", "not a regular file"),
        ("sub", "is a folder"),
        ("none.png", "there is no such file"),
    ],
)
def test_file_outside_the_folder_is_refused(folder: Path, name: str, reason: str) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "folder").symlink_to(folder.parent)
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder.parent / "secret.png").write_bytes(PNG)
    os.link(folder.parent / "secret.png", folder / "hard.png")
    os.link(folder.parent / "secret.png", folder / "sub" / "hard.png")
    with pytest.raises(NarrativeError, match=rf"story.toml:5:1: \[acts.a.input\] file: .*{reason}"):
        load(folder, f'type = "image"\nfile = "{name}"')


def test_content_of_another_type_is_refused(folder: Path) -> None:
    (folder / "b.png").write_bytes(b"GIF89a")
    (folder / "c.txt").write_bytes(b"\xff\xfe")
    (folder / "empty.png").write_bytes(b"")
    with pytest.raises(NarrativeError, match=r"b.png: is image/gif, not image/png"):
        load(folder, 'type = "image"\nfile = "b.png"')
    with pytest.raises(NarrativeError, match=r"c.txt: is not UTF-8 text"):
        load(folder, 'type = "document"\nfile = "c.txt"')
    with pytest.raises(NarrativeError, match=r"empty.png: is empty"):
        load(folder, 'type = "image"\nfile = "empty.png"')
    with pytest.raises(NarrativeError, match=r"image/png is not of type video; change type or mime"):
        load(folder, 'type = "video"\nfile = "a.png"')
    with pytest.raises(NarrativeError, match=r"no model accepts application/zip"):
        load(folder, 'type = "document"\nfile = "a.png"\nmime = "application/zip"')


def test_too_large_media_are_refused(folder: Path) -> None:
    (folder / "b.png").write_bytes(PNG + b"more")
    both = 'type = "image"\nfile = "a.png"\n[[acts.a.input]]\ntype = "image"\nfile = "b.png"'
    with pytest.raises(NarrativeError, match=r"a.png: is larger than 10 bytes"):
        load(folder, both, MediaLimits(10, 1000))
    with pytest.raises(NarrativeError, match=r"8:1: .* all media together are larger than 100 bytes"):
        load(folder, both, MediaLimits(1000, 100))


def test_data_url_is_accepted_as_base64(folder: Path) -> None:
    text = base64.b64encode(PNG).decode()
    for keys in (f'base64 = "{text}"\nmime = "image/png"', f'base64 = "data:image/png;base64,{text}"'):
        media = load(folder, f'type = "image"\n{keys}').narrative.acts[0].inputs[1]
        assert isinstance(media, MediaInput)
        assert (media.mime, media.size_bytes) == ("image/png", len(PNG))


@pytest.mark.parametrize("mime", BEGINNINGS)
def test_format_is_detected_by_its_first_bytes(mime: str) -> None:
    known = next(format_ for format_ in FORMATS if format_.mime == mime)
    assert content_problem(BEGINNINGS[mime], mime) is None
    assert detect_mime(BEGINNINGS[mime], known.kind) == mime
    assert content_problem(b"\x00\xffother", mime) is not None
    assert mime_of_name(f"A FILE.{known.suffixes[0].upper()}") == mime
    assert fault_of_mime(mime, known.kind) is None
