"""One run, as the client gives it to programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from botticelli.client.client import Client
    from botticelli.client.values import Diagnosis, Effect, Event, Progress, RunResult
    from botticelli.statuses import EffectStatus, RunStatus


class RunHandle:
    """A run by its `id`, wherever it is performed.

        run = client.enqueue("hello", variables={"who": "Ada"})
        for event in run.watch():
            print(event.at, event.event)
        print(run.result().cost_usd)

    Each method is the client's method of that name, for this run.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self.id = run_id
        self._client = client

    def status(self) -> RunStatus | Literal["enqueued"]:
        return self._client.status(self.id)

    def result(self) -> RunResult:
        return self._client.result(self.id)

    def outputs(self, act: str | None = None) -> Iterator[str]:
        return self._client.outputs(self.id, act)

    def wait(self, timeout_seconds: float | None = None) -> RunResult:
        return self._client.wait(self.id, timeout_seconds)

    def watch(self, *, since: int = 0) -> Iterator[Event]:
        return self._client.watch(self.id, since=since)

    def progress(self) -> Progress:
        return self._client.progress(self.id)

    def diagnose(self) -> Diagnosis:
        return self._client.diagnose(self.id)

    def effects(self, statuses: Sequence[EffectStatus] = ()) -> list[Effect]:
        return self._client.effects(self.id, statuses)

    def pause(self, *, now: bool = False, reason: str = "") -> RunStatus:
        return self._client.pause(self.id, now=now, reason=reason)

    def resume(self, *, reason: str = "") -> RunStatus:
        return self._client.resume(self.id, reason=reason)

    def cancel(self, *, now: bool = False, reason: str = "") -> RunStatus:
        return self._client.cancel(self.id, now=now, reason=reason)

    def retry(self, *, reason: str = "") -> RunStatus:
        return self._client.retry(self.id, reason=reason)

    def fork(
        self,
        *,
        number: int,
        act: str | None = None,
        changes: Mapping[str, str] | None = None,
        allow_effects: bool = False,
        idempotency_key: str | None = None,
        reason: str = "",
    ) -> RunHandle:
        return self._client.fork(
            self.id,
            number=number,
            act=act,
            changes=changes,
            allow_effects=allow_effects,
            idempotency_key=idempotency_key,
            reason=reason,
        )

    def __repr__(self) -> str:
        return f"RunHandle({self.id!r})"
