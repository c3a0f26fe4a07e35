"""The client of other programs, and the handle of one run: what it enqueues; its base classes read and control runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from botticelli.client.effect_approvals import EffectApprovals
from botticelli.client.enqueue_options import EnqueueOptions
from botticelli.client.run_controls import RunControls
from botticelli.client.run_reader import RunReader
from botticelli.client.schedule_controls import ScheduleControls
from botticelli.errors import InvalidInput

if TYPE_CHECKING:
    from botticelli.client.values import Diagnosis, Effect, Event, Progress, RunResult
    from botticelli.runtime.process import Runtime
    from botticelli.statuses import EffectStatus, RunStatus


class Client(RunReader, RunControls, EffectApprovals, ScheduleControls):
    """Enqueues narratives, and reads and controls their runs.

        with Client() as client:
            run = client.enqueue("hello", variables={"who": "Ada"}, idempotency_key="hello-ada")
            print(run.wait(timeout_seconds=60).status)

    One client per process is enough; it is safe to share between threads. Use it as a context manager, or call `close`.
    Enqueuing needs only Redis; everything that reads or controls a run needs Postgres too.

    Every method raises SettingsError for settings that can't be used, and ServiceUnavailable when a server that it needs
    is away. Methods that take a `run_id` expect the full id and raise NotFound for a run that does not exist (yet): a run
    exists once a worker has accepted it. Costs are in US dollars, durations in seconds, times aware datetimes.
    """

    def enqueue(
        self,
        narrative: str | None = None,
        options: EnqueueOptions | None = None,
        *,
        text: str | None = None,
        name: str | None = None,
        variables: Mapping[str, str] | None = None,
        iterations: int | None = None,
        idempotency_key: str | None = None,
        tags: Sequence[str] = (),
        tiers: Mapping[str, str] | None = None,
        tenant: str | None = None,
        service_tier: str | None = None,
        rehearse: bool = False,
        rows: Iterable[Mapping[str, object]] | None = None,
    ) -> RunHandle:
        """Ask the workers to run a narrative, and return a handle at once, before any of them has accepted it.

            run = client.enqueue("digest", variables={"topic": "tides"}, iterations=3, tags=["nightly"])
            print(run.id)

        Pass the `narrative`'s name in the workers' folders, or its TOML as `text`; EnqueueOptions explain the rest. What
        can't be performed becomes a failed run; InvalidInput is raised, before anything is sent, for wrong options.
        """
        keywords = EnqueueOptions(
            name=name,
            variables={} if variables is None else variables,
            iterations=iterations,
            idempotency_key=idempotency_key,
            tags=tags,
            tiers={} if tiers is None else tiers,
            tenant=tenant,
            service_tier=service_tier,
            rehearse=rehearse,
            rows=rows,
        )
        if options is not None and keywords != EnqueueOptions():
            raise InvalidInput("enqueue takes EnqueueOptions or keywords, not both", do="use dataclasses.replace")
        return self._publish(narrative, text, options or keywords)

    def _publish(self, narrative: str | None, text: str | None, options: EnqueueOptions) -> RunHandle:
        from botticelli.carousel.enqueuing.sending import send

        given: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(options)}
        rows = given.pop("rows")
        given |= {"narrative": narrative, "text": text, "row_key": options.row_key or None}
        with self._connected() as runtime:
            return RunHandle(self, send(runtime, given, rows))

    def get(self, run_id: str) -> RunHandle:
        """Return a handle for a run, by its id, a unique prefix of it, or `latest`.

            run = client.get("latest")
            print(run.id, run.status())

        Raises NotFound for none or several.
        """
        with self._connected() as runtime, runtime.store.transaction() as tx:
            return RunHandle(self, tx.runs.resolve(run_id))

    def fork(
        self,
        run_id: str,
        *,
        number: int,
        act: str | None = None,
        changes: Mapping[str, str] | None = None,
        allow_effects: bool = False,
        idempotency_key: str | None = None,
        reason: str = "",
    ) -> RunHandle:
        """Start a new run that reuses the first part of an existing one, and return its handle.

            fork = client.fork(run_id, number=2, act="review", changes={"review.model": "echo/echo"})
            print(fork.wait(timeout_seconds=60).status)

        It keeps the iterations before `number` (counted from 1), and in iteration `number` the acts before `act`; it
        performs the rest. `changes` replace the prompt, system, model or a parameter of the calls of acts. Raises
        InvalidInput when this can't be performed, or would repeat an effect without `allow_effects`.
        """
        from botticelli.carousel import Fork, fork

        options = Fork(number, act, changes or {}, allow_effects, idempotency_key)
        with self._connected() as runtime:
            return RunHandle(self, fork(runtime, run_id, options, self._actor(reason)).run.id)


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


def client_over(runtime: Runtime, *, name: str) -> Client:
    """Return a client that uses the connections of a runtime, which stays the caller's to close."""
    client = Client(runtime.settings, name=name)
    client._opened_runtime = runtime
    return client
