"""Defines the outcomes of one attempt to deliver a notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took it. `answer` is the status of HTTP; `note` says what else is to be known.

    `receipt` is what the receiver calls it, such as the id of a message that is changed later.
    """

    answer: int | None = None
    note: str | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The receiver did not take it, or nobody knows; it is tried again."""

    error: str
    answer: int | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver says that it is not there any more: the target is switched off."""

    error: str
    answer: int


Outcome = Delivered | Failed | Gone
