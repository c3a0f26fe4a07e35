"""Collects the media of a narrative in memory while it is loaded, each content once, up to a limit for all together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Limits the media of a narrative, in bytes: each content, and all of them together."""

    file_bytes: int = 20_000_000
    total_bytes: int = 50_000_000


class MediaStoreFull(ValueError):
    """Says that the media of one narrative together exceed the limit."""


@dataclass(slots=True)
class MediaStore:
    """Holds contents by SHA-256 in hexadecimal."""

    limits: MediaLimits = MediaLimits()
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)

    def put(self, data: bytes) -> str:
        """Add a content and return its SHA-256 in hexadecimal. Raises MediaStoreFull."""
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self.contents:
            if sum(map(len, self.contents.values())) + len(data) > self.limits.total_bytes:
                raise MediaStoreFull(f"all media together are larger than {self.limits.total_bytes:,} bytes")
            self.contents[sha256] = data
        return sha256
