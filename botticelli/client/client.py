"""The client of other programs: what it enqueues, and everything that it reads and controls by its base classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from botticelli.client.effect_approvals import EffectApprovals
from botticelli.client.enqueue_options import EnqueueOptions
from botticelli.client.run_controls import RunControls
from botticelli.client.run_handle import RunHandle
from botticelli.client.run_reader import RunReader
from botticelli.client.schedule_controls import ScheduleControls
from botticelli.errors import InvalidInput


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
