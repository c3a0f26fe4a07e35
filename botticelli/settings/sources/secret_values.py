"""Reads secrets from environment variables, or from the files that their `NAME_FILE` variables name.

Container platforms mount secrets as files. Nothing is cached: each reading sees the file as it is then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from botticelli.errors import SettingsError
from botticelli.telemetry.masking import remember_value

FILE_SUFFIX = "_FILE"
MAX_BYTES = 65_536


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a secret is given, as a variable or as a file. Opens no file."""
    return bool(environ.get(name, "").strip() or environ.get(name + FILE_SUFFIX, "").strip())


def read_secret(environ: Mapping[str, str], name: str) -> str:
    """Return a secret without the white space and line ends around it; "" when it is not given.

    Raises SettingsError, without the secret, for a file that can't be read or is empty, and when both forms are set.
    """
    text, file = environ.get(name, "").strip(), environ.get(name + FILE_SUFFIX, "").strip()
    if not file:
        return text
    where = f"environment variable {name}{FILE_SUFFIX}"
    if text:
        raise SettingsError(f"{name} is set, too", where=where, do="unset one of the two")
    secret = _content(file, where)
    remember_value(secret)
    return secret


def _content(path: str, where: str) -> str:
    """Return the text of a secret's file. A pipe or a device is refused: it might never answer."""
    place = f" {path}" if path.startswith("/") else ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not a file name"
        raise SettingsError(f"its file{place} can't be read: {reason}", where=where, do="check the mount") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SettingsError(f"its file{place} is not a regular file", where=where, do="name a file")
        raw = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    return secret_text(raw, f"its file{place}", where)


def secret_text(raw: bytes, source: str, where: str) -> str:
    """Decode a secret. Raises SettingsError, which calls its origin `source`, when it is empty, too long or no text."""
    if len(raw) > MAX_BYTES:
        raise SettingsError(
            f"{source} holds more than {MAX_BYTES:,} bytes", where=where, do="it must hold the secret only"
        )
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{source} is not UTF-8 text", where=where, do="it must hold the secret only") from None
    if not text:
        raise SettingsError(f"{source} is empty", where=where, do="write the secret into it")
    return text
