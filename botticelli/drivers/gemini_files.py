"""Uploads large media to Gemini's Files API, once per process, for use by many requests. Deletes nothing.

Google keeps files for 48 hours; their URLs are reused here for 24. Source: the Files API of Gemini.
"""

from __future__ import annotations

import hashlib
import io
import threading
import time
from typing import TYPE_CHECKING

from botticelli.drivers.interface.protocol import Media
from botticelli.errors import DriverTransient

if TYPE_CHECKING:
    from google import genai

KEPT_SECONDS = 24 * 3600
READY_SECONDS = 120
POLL_SECONDS = 1.0


class Uploads:
    """Uploads by content: the same bytes are uploaded once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uris: dict[str, tuple[str, float]] = {}

    def uri(self, client: genai.Client, media: Media) -> str:
        """Return the URI of a medium. Raises DriverTransient when Google does not have it ready within two minutes."""
        data = media.data or b""
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            uri, until = self._uris.get(digest, ("", 0.0))
        if uri and time.monotonic() < until:
            return uri
        uri = _upload(client, media, data)
        with self._lock:
            self._uris[digest] = (uri, time.monotonic() + KEPT_SECONDS)
        return uri


def _upload(client: genai.Client, media: Media, data: bytes) -> str:
    file = client.files.upload(file=io.BytesIO(data), config={"mime_type": media.mime})
    deadline = time.monotonic() + READY_SECONDS
    while file.state is not None and file.state.value == "PROCESSING":
        if time.monotonic() > deadline:
            break
        threading.Event().wait(POLL_SECONDS)
        file = client.files.get(name=file.name or "")
    if not file.uri or (file.state is not None and file.state.value not in ("ACTIVE", "STATE_UNSPECIFIED")):
        raise DriverTransient(f"the uploaded {media.kind} is not ready", where="gemini")
    return file.uri
