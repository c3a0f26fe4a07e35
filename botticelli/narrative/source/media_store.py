"""The media that a narrative carries while it is loaded: each content once, under a cap for all of them. Stores nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How much a narrative may carry: each content, and all of them together."""

    file_bytes: int = 20_000_000
    total_bytes: int = 50_000_000


class ShelfFull(ValueError):
    """The media of one narrative are too large together."""


@dataclass(slots=True)
class Shelf:
    """Contents by SHA-256 in hexadecimal."""

    limits: MediaLimits = MediaLimits()
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)

    def put(self, data: bytes) -> str:
        """The SHA-256 of the content. Raises ShelfFull."""
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self.contents:
            if sum(map(len, self.contents.values())) + len(data) > self.limits.total_bytes:
                raise ShelfFull(f"all media together are larger than {self.limits.total_bytes:,} bytes")
            self.contents[sha256] = data
        return sha256
