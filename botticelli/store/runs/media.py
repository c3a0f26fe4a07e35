"""Stores the media of runs, each content once for all runs that use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import media, run_media


@dataclass(frozen=True, slots=True)
class NewMedium:
    """A file to store: its MIME type and content."""

    mime: str
    data: bytes


class MediaRepository:
    """Reads and writes media within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def attach(self, run_id: str, contents: Mapping[str, NewMedium]) -> None:
        """Store new contents by their SHA-256, and link all of them to the run."""
        self.store(contents)
        self.link(run_id, contents)

    def store(self, contents: Mapping[str, NewMedium]) -> None:
        """Store new contents by their SHA-256. Existing rows are touched, so that a concurrent sweep leaves them."""
        if not contents:
            return
        existing = media.c.sha256.in_(contents)
        touched = update(media).where(existing).values(created_at=func.now()).returning(media.c.sha256)
        known = set(self._connection.execute(touched).scalars())
        for sha256 in sorted(contents.keys() - known):
            medium = contents[sha256]
            values = {"sha256": sha256, "mime": medium.mime, "size_bytes": len(medium.data), "content": medium.data}
            new = insert(media).values(values)
            self._connection.execute(
                new.on_conflict_do_update(constraint=media.primary_key, set_={"created_at": func.now()})
            )

    def link(self, run_id: str, hashes: Iterable[str]) -> None:
        """Link stored contents to a run."""
        links = [{"run_id": run_id, "sha256": sha256} for sha256 in sorted(hashes)]
        if links:
            self._connection.execute(insert(run_media).values(links).on_conflict_do_nothing())

    def share(self, run_id: str, other: str) -> None:
        """Link the media of `run_id` to the run `other` as well."""
        rows = select(literal(other), run_media.c.sha256).where(run_media.c.run_id == run_id)
        query = insert(run_media).from_select(["run_id", "sha256"], rows)
        self._connection.execute(query.on_conflict_do_nothing())

    def content(self, sha256: str) -> bytes | None:
        content = self._connection.execute(select(media.c.content).where(media.c.sha256 == sha256)).scalar()
        return None if content is None else bytes(content)

    def sweep(self) -> int:
        """Delete media that no run uses any more; return how many."""
        return self._connection.execute(statement("sweep_media")).rowcount
