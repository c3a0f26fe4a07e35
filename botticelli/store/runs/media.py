"""Media of runs: each content once, however many runs carry it. Reads no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import media, run_media


@dataclass(frozen=True, slots=True)
class NewMedium:
    mime: str
    data: bytes


class MediaRepository:
    """The repository of media, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def attach(self, run_id: str, contents: Mapping[str, NewMedium]) -> None:
        """Store what is not there yet, by its SHA-256, and note that the run needs it.

        Rows that are there are touched, so that a sweep at the same moment leaves them.
        """
        if not contents:
            return
        wanted = media.c.sha256.in_(contents)
        touched = update(media).where(wanted).values(created_at=func.now()).returning(media.c.sha256)
        known = set(self._connection.execute(touched).scalars())
        for sha256 in sorted(contents.keys() - known):
            one = contents[sha256]
            values = {"sha256": sha256, "mime": one.mime, "size_bytes": len(one.data), "content": one.data}
            new = insert(media).values(values)
            self._connection.execute(
                new.on_conflict_do_update(constraint=media.primary_key, set_={"created_at": func.now()})
            )
        links = [{"run_id": run_id, "sha256": sha256} for sha256 in sorted(contents)]
        self._connection.execute(insert(run_media).values(links).on_conflict_do_nothing())

    def share(self, run_id: str, other: str) -> None:
        """The run `other` needs what the run `run_id` needs."""
        rows = select(literal(other), run_media.c.sha256).where(run_media.c.run_id == run_id)
        query = insert(run_media).from_select(["run_id", "sha256"], rows)
        self._connection.execute(query.on_conflict_do_nothing())

    def content(self, sha256: str) -> bytes | None:
        found = self._connection.execute(select(media.c.content).where(media.c.sha256 == sha256)).scalar()
        return None if found is None else bytes(found)

    def sweep(self) -> int:
        """Remove what no run needs any more; how many there were."""
        return self._connection.execute(statement("sweep_media")).rowcount
