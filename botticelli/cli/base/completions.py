"""Completes arguments and options in a shell: names from files and database rows, fast and without side effects.

Imports neither SQLAlchemy nor the settings models, to be fast. Starts no service: without a database nothing completes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

CONNECT_SECONDS = 1
STATEMENT_MS = 500
SHIPPED = ("", "examples")
"""Folders below the shipped narratives that are searched for a name."""
EFFECT_CHARACTERS = 12

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_RUNS = "select id, narrative || ', ' || status from runs where starts_with(id, %s) order by created_at desc limit 50"
_EFFECTS = """select left(key, 12), command || ', ' || status from effects
    where starts_with(key, %s) order by intended_at desc limit 50"""
_WAITING = """select left(key, 12), command || ', iteration ' || number from effects
    where starts_with(key, %s) and status = 'waiting' order by intended_at limit 50"""
_KEYS = """select key, left(value::text, 60) from narrative_state
    where starts_with(key, %s) and (expires_at is null or expires_at > now()) order by key limit 200"""
_TABLES = "select name, 'content' from content_tables where starts_with(name, %s) order by name limit 200"
_SCOPES = """select distinct scope, 'spent from in the last day' from ledger
    where drawn_at > now() - interval '1 day' and starts_with(scope, %s) order by scope limit 100"""
_NARRATIVES = """select narrative, count(*) || ' runs' from runs where starts_with(narrative, %s)
    group by narrative order by max(created_at) desc limit 50"""
_SCHEDULES = "select name, narrative from schedules where starts_with(name, %s) order by name limit 100"


def _rows_completer(query: str, *fixed: str) -> Completer:
    """Return a completer that offers the rows of a query (value, help) and a few fixed words."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 (click fixes the signature)
        rows = _rows(ctx, query, incomplete)
        if rows is None:
            return []
        words = [CompletionItem(word) for word in fixed if word.startswith(incomplete)]
        return [*(CompletionItem(value, help=about) for value, about in rows), *words]

    return complete


complete_schedules = _rows_completer(_SCHEDULES)
complete_runs = _rows_completer(_RUNS, "latest")
complete_effects = _rows_completer(_EFFECTS)
complete_waiting = _rows_completer(_WAITING)
complete_keys = _rows_completer(_KEYS)
complete_tables = _rows_completer(_TABLES)
complete_scopes = _rows_completer(_SCOPES)
complete_names = _rows_completer(_NARRATIVES)
"""Completes the names of narratives that have had a run."""


def complete_narratives(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 (click fixes the signature)
    """Complete names of narratives, from the configured folders and the shipped ones; then files."""
    names: dict[str, str] = {}
    try:
        for folder, about in _folders(ctx):
            for file in sorted(folder.glob("*.toml")):
                names.setdefault(file.stem, about)
    except Exception:
        names = {}  # completion shows no errors
    items = [CompletionItem(name, help=about) for name, about in names.items() if name.startswith(incomplete)]
    return [*items, CompletionItem(incomplete, type="file")]


def _folders(ctx: click.Context) -> Iterator[tuple[Path, str]]:
    from botticelli.loading.app_folder import app_folder

    base, tree = _settings_file(ctx)
    for folder in tree.get("narratives", {}).get("path", ["narratives"]):
        yield base / folder, str(folder)
    for below in SHIPPED:
        yield app_folder() / "narratives" / below, "shipped"


def _rows(ctx: click.Context, query: str, incomplete: str) -> list[tuple[str, str]] | None:
    """Run the query with the incomplete text; None when no database answers."""
    try:
        url = _database_url(ctx)
        if url is None:
            return None
        import psycopg2  # type: ignore[import-untyped]

        with closing(psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)) as server, server.cursor() as cursor:
            cursor.execute(f"set statement_timeout = {STATEMENT_MS}")
            cursor.execute(query, (incomplete,))
            return [(value, _one_line(about)) for value, about in cursor.fetchall()]
    except Exception:
        return None  # completion shows no errors


def _one_line(text: str) -> str:
    """Replace line breaks and control characters by spaces; shell scripts take help as one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _database_url(ctx: click.Context) -> str | None:
    """Return the URL of the configured server, else of the embedded one while its socket exists."""
    _, tree = _settings_file(ctx)
    named = _flags(ctx).get("database.url") or next(filter(None, map(_secret, _URLS)), None)
    url = named or tree.get("database", {}).get("url")
    if url is None:
        from botticelli.services.files.paths import Paths
        from botticelli.settings.home import find_home

        paths = Paths(find_home(os.environ, Path.cwd()))
        if not paths.postgres_socket.exists():
            return None
        url = paths.database_url
    return f"postgresql://{str(url).partition('://')[2]}"


def _secret(name: str) -> str:
    from botticelli.settings.sources.secret_values import read_secret

    return read_secret(os.environ, name)


_URLS = ("BOTTICELLI_DATABASE__URL", "BOTTICELLI_DATABASE_URL", "DATABASE_URL")
"""Environment variables that name the server, in order of precedence."""


def _settings_file(ctx: click.Context) -> tuple[Path, Mapping[str, Any]]:
    """Return the folder of botticelli.toml and its unvalidated content; the working directory and {} without a file."""
    import tomllib

    cwd = Path.cwd()
    named = ctx.find_root().params.get("config") or os.environ.get("BOTTICELLI_CONFIG")
    candidates = [cwd / named] if named else [folder / "botticelli.toml" for folder in (cwd, *cwd.parents)]
    file = next((file for file in candidates if file.is_file()), None)
    return (file.parent, tomllib.loads(file.read_text(encoding="utf-8-sig"))) if file else (cwd, {})


def _flags(ctx: click.Context) -> Mapping[str, str]:
    """Return the values of --set; during completion the top group is parsed but not called."""
    flags: Mapping[str, str] = ctx.find_root().params.get("flags") or {}
    return flags
