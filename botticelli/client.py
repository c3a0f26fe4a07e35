"""The Python API for other programs: enqueue narratives, read and watch runs, control them. Imports no worker and no task.

Enqueuing needs only the broker (Redis); everything that reads or controls a run needs Postgres too. Settings name both.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botticelli.errors import BotticelliError, NotFound
from botticelli.messages import new_run_id, publish_enqueue, run_id_for
from botticelli.security.request_checks import check_request

if TYPE_CHECKING:
    from datetime import datetime

    from botticelli.carousel import Actor
    from botticelli.monitoring.diagnosis import Diagnosis
    from botticelli.monitoring.run_outputs import RunResult
    from botticelli.monitoring.watch import Event
    from botticelli.runtime.process import Runtime
    from botticelli.settings import Settings
    from botticelli.store import Run

POLL_SECONDS = 0.2
"""How often `wait` and `watch` read the run, in seconds."""


class WaitTimeout(BotticelliError):
    """Raised by `wait` when the run has not ended within the timeout. The run itself continues."""


class Client:
    """Enqueues narratives, and reads and controls their runs.

    One client per process is enough; it is safe to share between threads. Use it as a context manager, or call `close`.

        with Client() as client:
            run = client.enqueue("hello", variables={"who": "Ada"}, idempotency_key="hello-ada")
            print(run.wait(timeout_seconds=60).status)

    Every method raises SettingsError for settings that can't be used and ServiceUnavailable when Postgres or an embedded
    service is not available. Methods that take a `run_id` expect the full id and raise NotFound for a run that does not
    exist (yet): a run exists once a worker has accepted it. Costs are in US dollars, durations in seconds.
    """

    def __init__(self, settings: Settings | None = None, *, name: str | None = None) -> None:
        """Create a client, which connects when it is first used.

        `settings` default to those of this process (botticelli.toml and environment variables). `name` is recorded as
        the author of every pause, approval and other action of this client; the default is `user@host`.
        """
        self._settings = settings
        self._name = name
        self._opened_runtime: Runtime | None = None

    def enqueue(
        self,
        narrative: str | None = None,
        *,
        text: str | None = None,
        name: str | None = None,
        variables: Mapping[str, str] | None = None,
        iterations: int | None = None,
        idempotency_key: str | None = None,
        tags: Sequence[str] = (),
        tiers: Mapping[str, str] | None = None,
        tenant: str | None = None,
        rehearse: bool = False,
    ) -> RunHandle:
        """Ask the workers to run a narrative, and return a handle at once, before any of them has accepted it.

        Pass the `narrative`'s name in the workers' folders (`"hello"`, `"file#name"`) or its TOML as `text`; `name` picks
        one of several in it. `iterations` replaces the number in the narrative. Calls with the same `idempotency_key`
        refer to the same run. `tags` are strings to find it by. `tiers` (by provider) override the tiers of the workers'
        settings. The run spends from the budget of `tenant`, too. With `rehearse` bot commands are answered offline and
        tables stay unchanged.

            run = client.enqueue("digest", variables={"topic": "tides"}, iterations=3, tags=["nightly"])

        A narrative that can't be performed becomes a failed run. Raises InvalidInput, before anything is sent, for an
        option that is always wrong or a request too large for the queue, and kombu's OperationalError when the broker
        can't be reached.
        """
        from botticelli.settings.demands import demands_to_send

        options: dict[str, Any] = dict(narrative=narrative, text=text, name=name, variables=variables)
        options |= dict(iterations=iterations, idempotency_key=idempotency_key, tags=tags)
        options |= dict(tiers=tiers, tenant=tenant, rehearse=rehearse)
        check_request(options)
        run_id = run_id_for(idempotency_key) if idempotency_key else new_run_id()
        request = options | {"variables": dict(variables or {}), "tags": [*tags], "tiers": dict(tiers or {})}
        request["demands"] = demands_to_send(self._runtime.settings)
        publish_enqueue(self._runtime.celery, run_id, {name: value for name, value in request.items() if value})
        return RunHandle(self, run_id)

    def run(self, run_id: str) -> RunHandle:
        """Return a handle for a run, by its id, a unique prefix of it, or `latest`. NotFound for none or several."""
        with self._runtime.store.transaction() as tx:
            return RunHandle(self, tx.runs.resolve(run_id))

    def status(self, run_id: str) -> str:
        """Return the status of a run, `enqueued` for an id that no worker has accepted yet.

        Else `running`, `waiting`, `paused`, or a final one: `completed`, `failed`, `budget_exhausted`, `cancelled`.
        """
        try:
            return self._row(run_id).status
        except NotFound:
            return "enqueued"

    def result(self, run_id: str) -> RunResult:
        """Return the result of a run as it stands, with its `iterations`, whether or not it has ended.

            result = client.result(run_id)
            print(result.status, result.cost_usd, [iteration.output for iteration in result.iterations])

        The figures are those of the finished iterations. `iterations` are read from Postgres when they are used.
        """
        from botticelli.carousel.result import result_of
        from botticelli.monitoring.run_outputs import with_iterations

        return with_iterations(self._runtime, result_of(self._row(run_id)))

    def outputs(self, run_id: str, act: str | None = None) -> Iterator[str]:
        """Yield the outputs of the iterations that succeeded, in order.

        They are those of the act named `act`, by default of the last act that has one. Reads a page at a time.
        """
        for iteration in self.result(run_id).iterations:
            output = iteration.output_of(act) if act else iteration.output
            if iteration.status == "succeeded" and output is not None:
                yield output

    def wait(self, run_id: str, timeout_seconds: float | None = None) -> RunResult:
        """Wait until a run was accepted and has ended, and return its result.

        Raises WaitTimeout when it has not ended after `timeout_seconds` (None: no limit); the run continues.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            try:
                if self._row(run_id).is_final:
                    return self.result(run_id)
            except NotFound:
                pass  # no worker has accepted it yet
            if deadline is not None and time.monotonic() >= deadline:
                problem = f"run {run_id} has not ended within {timeout_seconds:g} s"
                raise WaitTimeout(problem, do="wait again; the run continues")
            time.sleep(POLL_SECONDS)

    def watch(self, run_id: str, *, since: int = 0) -> Iterator[Event]:
        """Yield the events of a run from its start, as they happen, until it ends.

        `since` is the id of the last event that was seen: only later ones are yielded. Events with the id 0 are live
        text and can't be resumed from. Waits for a run that no worker has accepted yet.

            for event in client.watch(run_id):
                print(event.at, event.event, dict(event.data))
        """
        from botticelli.monitoring.watch import watch

        return watch(self._runtime, run_id, poll_seconds=POLL_SECONDS, since=since)

    def pause(self, run_id: str, *, now: bool = False, reason: str = "") -> str:
        """Pause a run, and return its new status: no further iteration starts, running ones finish.

        With `now` running iterations go back to the queue before their next model call or effect, and the method
        returns once no call can start any more (up to 2.5 s). `reason` is recorded. An ended run stays as it is.
        """
        from botticelli.carousel import pause

        return pause(self._runtime, run_id, self._actor(reason), now=now).status

    def resume(self, run_id: str, *, reason: str = "") -> str:
        """Resume a run that is paused or ended incomplete, and return its new status.

        Finished acts are kept. Raises InvalidInput for a run that is completed, being ended, or was never accepted.
        """
        from botticelli.carousel import resume

        return resume(self._runtime, run_id, self._actor(reason)).status

    def cancel(self, run_id: str, *, now: bool = False, reason: str = "") -> str:
        """Cancel a run, and return its new status: no iteration starts, running ones stop before their next call.

        `resume` undoes it. With `now` it returns once no call can start any more. An ended run stays as it is.
        """
        from botticelli.carousel import cancel

        return cancel(self._runtime, run_id, self._actor(reason), now=now).status

    def retry(self, run_id: str, *, reason: str = "") -> str:
        """Perform the failed iterations of a run again, and return its new status. Acts that succeeded are kept.

        Raises InvalidInput for a run that was cancelled, is being ended, or was never accepted.
        """
        from botticelli.carousel import retry

        return retry(self._runtime, run_id, self._actor(reason)).status

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

        It keeps the iterations before `number` (counted from 1), and in iteration `number` the acts before `act`; it
        performs the rest. `changes` replace the prompt, system, model, temperature or max_tokens of acts.

            fork = client.fork(run_id, number=2, act="review", changes={"review.model": "echo/echo"})

        Raises InvalidInput when this can't be performed, or would repeat an effect without `allow_effects`.
        """
        from botticelli.carousel import Fork, fork

        options = Fork(number, act, changes or {}, allow_effects, idempotency_key)
        return RunHandle(self, fork(self._runtime, run_id, options, self._actor(reason)).run.id)

    def waiting_effects(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the effects of a run that wait for approval, in the order of their requests.

        Each has `key` (give it to `approve` or `reject`), `platform`, `command`, `args` and `expires_at`.
        """
        from botticelli.carousel import effects_waiting

        return effects_waiting(self._runtime, run_id)

    def approve(self, effect: str, *, reason: str = "") -> bool:
        """Approve an effect: it is performed once, with exactly its arguments, and its run resumes.

            client.approve(client.waiting_effects(run_id)[0]["key"], reason="checked")

        `effect` is its key or a unique prefix of it. Returns False when it was approved before. Raises NotFound for an
        unknown key, and InvalidInput for an effect that does not wait for approval or was rejected.
        """
        from botticelli.carousel import decide

        return decide(self._runtime, effect, "approved", self._actor(reason)).changed

    def reject(self, effect: str, *, reason: str = "") -> bool:
        """Reject an effect: it is not performed and its act fails. Arguments, result and errors are those of `approve`."""
        from botticelli.carousel import decide

        return decide(self._runtime, effect, "rejected", self._actor(reason)).changed

    def why(self, run_id: str) -> Diagnosis:
        """Explain why a run is in its present state.

        `why.line` is for people: `paused by ada: lunch; ...`. `cause` is one word; `until` is when it is due to change.
        """
        from botticelli.monitoring.diagnosis import why

        return why(self._runtime, run_id)

    def pause_budget(self, scope: str, *, reason: str = "", until: datetime | None = None) -> None:
        """Pause a budget: all workers stop spending from it within a second; calls in flight still finish.

        `scope` is its full name as shown by `botticelli budget`, such as `gemini/gemini-2.5-flash@tier1`. `until` is an
        aware datetime at which the pause ends; without it the pause lasts until `resume_budget`.
        """
        from botticelli.carousel import pause_scope

        pause_scope(self._runtime, scope, self._actor(reason), until=until)

    def resume_budget(self, scope: str, *, reason: str = "") -> None:
        """End the pause of a budget: the runs that wait for it resume. Does nothing for one that is not paused."""
        from botticelli.carousel import resume_scope

        resume_scope(self._runtime, scope, self._actor(reason))

    def list(
        self,
        *,
        statuses: Sequence[str] = (),
        narrative: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        guild: str | None = None,
        tag: str | None = None,
        text: str | None = None,
        limit: int = 20,
    ) -> list[Run]:
        """Return the newest runs that match all filters, newest first, at most `limit` of them.

        `since` (included) and `until` (excluded) bound the time of creation, as aware datetimes. `guild` is the id of a
        guild in their commands. `text` is a part of the narrative's name, the source or the reason, in any case.

            failed = client.list(statuses=["failed"], tag="nightly", limit=100)
        """
        filters = {"narrative": narrative, "since": since, "until": until, "guild": guild, "tag": tag, "text": text}
        with self._runtime.store.transaction() as tx:
            return tx.runs.recent(statuses=statuses, limit=limit, **filters)  # type: ignore[arg-type]

    def prune(self, before: datetime, *, statuses: Sequence[str] = (), dry_run: bool = False) -> int:
        """Delete the runs that ended before a time, with all their data, and return how many.

        `statuses` limits it to some of the final ones (default: all). With `dry_run` it only counts them. Runs with an
        effect of unknown outcome are kept. Raises InvalidInput for a status that is not final.
        """
        from botticelli.carousel import prune
        from botticelli.store import FINAL

        return prune(self._runtime, before, statuses or FINAL, dry_run=dry_run).runs

    def close(self) -> None:
        """Close all connections. A client that is used again reconnects."""
        if self._opened_runtime is not None:
            self._opened_runtime.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _runtime(self) -> Runtime:
        if self._opened_runtime is None:
            from botticelli.runtime.process import Runtime
            from botticelli.settings import load_settings

            self._opened_runtime = Runtime(self._settings or load_settings())
        return self._opened_runtime

    def _actor(self, reason: str) -> Actor:
        from botticelli.carousel import Actor

        return Actor(reason, self._name) if self._name else Actor(reason)

    def _row(self, run_id: str) -> Run:
        with self._runtime.store.transaction() as tx:
            return tx.runs.get(run_id)


class RunHandle:
    """A run by its `id`, wherever it is performed. Each method is the client's method of that name, for this run."""

    def __init__(self, client: Client, run_id: str) -> None:
        self.id = run_id
        self._client = client

    def status(self) -> str:
        return self._client.status(self.id)

    def result(self) -> RunResult:
        return self._client.result(self.id)

    def outputs(self, act: str | None = None) -> Iterator[str]:
        return self._client.outputs(self.id, act)

    def wait(self, timeout_seconds: float | None = None) -> RunResult:
        return self._client.wait(self.id, timeout_seconds)

    def watch(self, *, since: int = 0) -> Iterator[Event]:
        return self._client.watch(self.id, since=since)

    def waiting_effects(self) -> Sequence[Mapping[str, Any]]:
        return self._client.waiting_effects(self.id)

    def why(self) -> Diagnosis:
        return self._client.why(self.id)

    def pause(self, *, now: bool = False, reason: str = "") -> str:
        return self._client.pause(self.id, now=now, reason=reason)

    def resume(self, *, reason: str = "") -> str:
        return self._client.resume(self.id, reason=reason)

    def cancel(self, *, now: bool = False, reason: str = "") -> str:
        return self._client.cancel(self.id, now=now, reason=reason)

    def retry(self, *, reason: str = "") -> str:
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
        options: dict[str, Any] = {"act": act, "changes": changes, "idempotency_key": idempotency_key}
        return self._client.fork(self.id, number=number, allow_effects=allow_effects, reason=reason, **options)

    def __repr__(self) -> str:
        return f"RunHandle({self.id!r})"
