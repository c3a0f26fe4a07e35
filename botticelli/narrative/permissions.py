"""Defines what a narrative may do: which commands it may perform, and what becomes of rows of content."""

from __future__ import annotations

from botticelli.narrative.frozen import Frozen


class Security(Frozen):
    """Limits what the commands of a narrative may do; None: the settings decide."""

    allowed_commands: tuple[str, ...] | None = None
    require_confirmation: bool | tuple[str, ...] = False
    """True: approval for every command that writes; a tuple: for these commands."""
    guild_id: str | None = None
    channel_prefix: str | None = None
    channel_ids: tuple[str, ...] | None = None


class Content(Frozen):
    """Says what a narrative does with rows of content: those it generates, and those it reads."""

    target: str | None = None
    """The content table that rows are stored in."""
    template: str | None = None
    """The table whose columns are the schema of generated rows."""
    skip_content_generation: bool = False
    preserve_source: bool = False
    """Keeps the rows that are read, even with `pull_and_delete`."""

    @property
    def is_generated(self) -> bool:
        return not self.skip_content_generation and (self.target is not None or self.template is not None)
