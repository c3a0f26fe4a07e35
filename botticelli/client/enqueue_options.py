"""Describes how a narrative is to be enqueued, apart from which one it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueOptions:
    """Options of `Client.enqueue`: made once, and used for as many runs as you like.

        from dataclasses import replace

        nightly = EnqueueOptions(iterations=2, tags=["nightly"])
        for topic in ("tides", "dunes"):
            client.enqueue("digest", replace(nightly, variables={"topic": topic}))

    They are checked by `enqueue`, before anything is sent.
    """

    name: str | None = None
    """Which one of several narratives in the file or the text."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Values of `{var.NAME}`."""
    iterations: int | None = None
    """Replaces the number in the narrative."""
    idempotency_key: str | None = None
    """Requests with the same key refer to the same run, on every machine."""
    tags: Sequence[str] = ()
    """Strings to find the run by."""
    tiers: Mapping[str, str] = field(default_factory=dict)
    """By provider, the tier that the run uses in place of the one in the workers' settings."""
    tenant: str | None = None
    """Whose budget the run spends from, too."""
    service_tier: str | None = None
    """`default`, `flex` or `priority` for all calls, in place of the narrative's."""
    rehearse: bool = False
    """Answers bot commands offline and leaves tables unchanged; models are called."""
    rows: Iterable[Mapping[str, object]] | None = None
    """Performs the narrative for each of these rows of JSON values, in place of those that it names. More than 500,000
    characters of them are stored by `enqueue` itself, which then needs Postgres and the narrative in its own folders."""
    row_key: str | Sequence[str] = ()
    """The column, or the columns, whose value names a row."""
    only_new: bool = False
    """Leaves out rows whose key has succeeded in an earlier run of the narrative."""
    skip_bad: bool = False
    """Leaves out rows that can't be used, instead of refusing all."""
