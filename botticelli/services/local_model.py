"""Lets a process use the embedded language model: downloads it once and joins its crew. Sends it no request."""

from __future__ import annotations

from pathlib import Path

from botticelli.services.files.paths import Paths
from botticelli.services.language_model.model_files import fetch_weights, require, server_missing
from botticelli.services.membership import Membership, enter

DEADLINE_SECONDS = 60.0


def join_model(home: Path, *, deadline_seconds: float = DEADLINE_SECONDS) -> tuple[Membership, Path]:
    """Join the model server; return the membership, and the Unix socket on which it speaks the OpenAI protocol.

    The first call downloads the weights unless they are installed. Raises ServiceUnavailable when the download or the
    start fails.
    """
    paths = Paths(home, "model")
    if server_missing() is None:
        fetch_weights(paths)
    require(paths)
    return enter(paths, deadline_seconds), paths.model_socket


def model_missing() -> str | None:
    """Return why the model can't run here, with what to do; None when it can, perhaps after a download."""
    return server_missing()
