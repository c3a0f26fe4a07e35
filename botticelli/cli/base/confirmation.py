"""Asks the user before a command does what can't be undone."""

from __future__ import annotations

import sys

import click


def confirm(question: str, yes: bool, action: str = "deleting data") -> None:
    """Ask the user to confirm, unless `yes`. UsageError without a terminal, click.Abort for no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{action} needs a terminal; pass --yes", click.get_current_context(silent=True))
    click.confirm(question, abort=True, err=True)
