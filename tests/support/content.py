"""Runs narratives whose answers become rows, with a scripted driver, and reads the rows."""

from __future__ import annotations

from typing import Any

from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.echo import EchoDriver
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, NewRow, Origin
from botticelli.store.user_data.content_rows import ContentRows
from tests.support.narratives import perform_all, start

ORIGIN = Origin("n", "r", "a", None)


class Scripted(EchoDriver):
    """Answers with the given texts in turn, and records the requests."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.requests: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        self.requests.append(request)
        return GenerateResponse(
            text=self.answers.pop(0) if self.answers else "fine", usage=Usage(1, 1), usage_doubtful=False
        )

    def url_kinds(self, model: str) -> frozenset[Any]:
        return frozenset()


def script(runtime: Runtime, *answers: str) -> Scripted:
    driver = Scripted(*answers)
    runtime.drivers._made["echo"] = driver
    return driver


def run(runtime: Runtime, narrative: str, **options: Any) -> tuple[str, list[ActRow]]:
    """Run a narrative; return its status and the act rows of the first iteration."""
    started = start(runtime, narrative, **options)
    ended = perform_all(runtime, started.id)
    with runtime.store.transaction() as tx:
        return ended.status, tx.acts.of_iteration(started.id, 1)


def rows_of(runtime: Runtime, name: str, status: str | None = None) -> list[dict[str, Any]]:
    """List the rows of a content table, oldest first."""
    with runtime.store.transaction() as tx:
        table = tx.content.get(name)
        assert table is not None
        return list(ContentRows(tx.connection, table).newest(status=status, limit=None))[::-1]


def put(runtime: Runtime, name: str, *rows: dict[str, Any]) -> None:
    columns = {"title": "text", "score": "number"}
    with runtime.store.transaction() as tx:
        tx.content.add(name, [NewRow(row) for row in rows], ORIGIN, template=None, columns=columns)


def generating(keys: str = 'target = "posts"', act: str = 'write = "Write posts."') -> str:
    return f'[narrative]\nname = "gen"\n{keys}\n[acts]\n{act}\n'
