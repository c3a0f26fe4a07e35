"""What other services import: enqueue by name, look, watch, and move the levers. Imports no worker and no task.

Enqueuing needs the broker only; everything that reads a run needs Postgres as well. Both come from the settings.
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

    from botticelli.carousel import Mover
    from botticelli.monitoring.diagnosis import Why
    from botticelli.monitoring.run_outputs import RunResult
    from botticelli.monitoring.watch import Event
    from botticelli.runtime.process import Runtime
    from botticelli.settings import Settings
    from botticelli.store import Run

POLL_SECONDS = 0.2


class WaitTimeout(BotticelliError):
    """The run goes on; only the waiting has ended."""


class Client:
    """One per process is enough; safe for threads. Use it as a context manager, or `close()` it."""

    def __init__(self, settings: Settings | None = None, *, name: str | None = None) -> None:
        """`name` stands in the record of the levers that this client moves; default: user and host."""
        self._settings = settings
        self._name = name
        self._made: Runtime | None = None

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
        """Ask the workers to run a narrative: one of theirs by name, or the `text` of one.

        Of a file or a text with several narratives, `name` says which (`"file#name"` says the same). `tiers` are by
        provider, and come before those of the workers' settings; `tenant` is whose budget of the settings the run
        spends from. With `rehearse` its bot commands are answered offline, by whatever worker performs it, and tables
        stay as they are.

        The id is known at once, the run appears when a worker has accepted it; a narrative that can't be performed
        becomes a run that has failed and says why. With an `idempotency_key` a repeated call names the same run.
        Raises InvalidInput for an option that no run can have, ServiceUnavailable when the broker can't be reached.
        """
        from botticelli.settings.demands import asked_demands

        said: dict[str, Any] = dict(
            narrative=narrative, text=text, name=name, variables=variables, iterations=iterations, tags=tags
        )
        said |= dict(idempotency_key=idempotency_key, tiers=tiers, tenant=tenant, rehearse=rehearse)
        check_request(said)
        run_id = run_id_for(idempotency_key) if idempotency_key else new_run_id()
        request = said | {"variables": dict(variables or {}), "tags": [*tags], "tiers": dict(tiers or {})}
        request["demands"] = asked_demands(self._runtime.settings)
        publish_enqueue(self._runtime.celery, run_id, {name: value for name, value in request.items() if value})
        return RunHandle(self, run_id)

    def run(self, run_id: str) -> RunHandle:
        """A handle for a run that exists already, by its full id or the beginning of it."""
        with self._runtime.store.transaction() as tx:
            return RunHandle(self, tx.runs.resolve(run_id))

    def status(self, run_id: str) -> str:
        """`enqueued` as long as no worker has accepted it, then the status of the run."""
        try:
            return self._row(run_id).status
        except NotFound:
            return "enqueued"

    def result(self, run_id: str) -> RunResult:
        """As it stands, with its `iterations`. NotFound as long as no worker has accepted it."""
        from botticelli.carousel.result import result_of
        from botticelli.monitoring.run_outputs import with_iterations

        return with_iterations(self._runtime, result_of(self._row(run_id)))

    def outputs(self, run_id: str, act: str | None = None) -> Iterator[str]:
        """Yield the outputs of the iterations that succeeded, in order.

        They are of the act of that name, else of the last one. Reads a page at a time. NotFound until a worker has
        accepted the run.
        """
        for iteration in self.result(run_id).iterations:
            output = iteration.output_of(act) if act else iteration.output
            if iteration.status == "succeeded" and output is not None:
                yield output

    def wait(self, run_id: str, timeout_seconds: float | None = None) -> RunResult:
        """The result, when the run has ended. WaitTimeout when it hasn't by then; the run goes on."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            try:
                if self._row(run_id).is_final:
                    return self.result(run_id)
            except NotFound:
                pass  # no worker has accepted it yet
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeout(f"run {run_id} has not ended within {timeout_seconds:g} s")
            time.sleep(POLL_SECONDS)

    def watch(self, run_id: str, *, since: int = 0) -> Iterator[Event]:
        """What happens, as it happens, from the start of the run, or after the event with the id `since`, to its end."""
        from botticelli.monitoring.watch import watch

        return watch(self._runtime, run_id, poll_seconds=POLL_SECONDS, since=since)

    def pause(self, run_id: str, *, now: bool = False, reason: str = "") -> str:
        """Start no further iteration; what runs now ends. The status after it.

        `now`: what runs now is given back before its next call or effect; returns when none can begin any more.
        """
        from botticelli.carousel import pause

        return pause(self._runtime, run_id, self._mover(reason), now=now).status

    def resume(self, run_id: str, *, reason: str = "") -> str:
        """Go on after a pause, or after the run ended without being complete. The status after it."""
        from botticelli.carousel import resume

        return resume(self._runtime, run_id, self._mover(reason)).status

    def cancel(self, run_id: str, *, now: bool = False, reason: str = "") -> str:
        """Start nothing more; what runs now stops at its next call. The status after it. `now`: as for a pause."""
        from botticelli.carousel import cancel

        return cancel(self._runtime, run_id, self._mover(reason), now=now).status

    def retry(self, run_id: str, *, reason: str = "") -> str:
        """Perform failed iterations again, their done acts are kept. The status after it."""
        from botticelli.carousel import retry

        return retry(self._runtime, run_id, self._mover(reason)).status

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
        """Start a new run that keeps what this one has done.

        A new run that keeps the iterations before `number` (and of that one the acts before `act`), and performs the
        rest. `changes`: `{"ACT.prompt": "..."}`; also system, model, temperature, max_tokens. InvalidInput when it
        can't be performed like that, or when it would change the world outside again without `allow_effects`.
        """
        from botticelli.carousel import Fork, fork

        wanted = Fork(number, act, changes or {}, allow_effects, idempotency_key)
        return RunHandle(self, fork(self._runtime, run_id, wanted, self._mover(reason)).run.id)

    def waiting_effects(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The effects of a run that wait to be approved or rejected: `key`, `platform`, `command`, `args`, `expires_at`."""
        from botticelli.carousel import waiting_of

        return waiting_of(self._runtime, run_id)

    def approve(self, effect: str, *, reason: str = "") -> bool:
        """Approve an effect, so that it is performed once.

        Let an effect be performed once, with the arguments that it has; its run goes on. False when it was approved
        before; InvalidInput when it doesn't wait or was rejected.
        """
        from botticelli.carousel import decide

        return decide(self._runtime, effect, "approved", self._mover(reason)).changed

    def reject(self, effect: str, *, reason: str = "") -> bool:
        """Keep an effect from being performed: its act fails. As for `approve`."""
        from botticelli.carousel import decide

        return decide(self._runtime, effect, "rejected", self._mover(reason)).changed

    def why(self, run_id: str) -> Why:
        """Why it stands where it stands: `says` in one line, `cause` in one word, `until` when, and `details`."""
        from botticelli.monitoring.diagnosis import why

        return why(self._runtime, run_id)

    def pause_budget(self, scope: str, *, reason: str = "", until: datetime | None = None) -> None:
        """Nothing is admitted or drawn in this scope (its full name) until then, or until it is resumed."""
        from botticelli.carousel import pause_scope

        pause_scope(self._runtime, scope, self._mover(reason), until=until)

    def resume_budget(self, scope: str, *, reason: str = "") -> None:
        """Runs that wait for this scope go on."""
        from botticelli.carousel import resume_scope

        resume_scope(self._runtime, scope, self._mover(reason))

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
        """List the newest runs that fit all filters.

        `since` and `until` are about their creation, `text` is part of the narrative's name, the source or the reason.
        """
        filters = {"narrative": narrative, "since": since, "until": until, "guild": guild, "tag": tag, "text": text}
        with self._runtime.store.transaction() as tx:
            return tx.runs.recent(statuses=statuses, limit=limit, **filters)  # type: ignore[arg-type]

    def prune(self, before: datetime, *, statuses: Sequence[str] = (), dry_run: bool = False) -> int:
        """Delete runs that ended before then, with all that belongs to them; how many (with `dry_run`, there are)."""
        from botticelli.carousel import prune
        from botticelli.store import FINAL

        return prune(self._runtime, before, statuses or FINAL, dry_run=dry_run).runs

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _runtime(self) -> Runtime:
        if self._made is None:
            from botticelli.runtime.process import Runtime
            from botticelli.settings import load_settings

            self._made = Runtime(self._settings or load_settings())
        return self._made

    def _mover(self, reason: str) -> Mover:
        from botticelli.carousel import Mover

        return Mover(reason, self._name) if self._name else Mover(reason)

    def _row(self, run_id: str) -> Run:
        with self._runtime.store.transaction() as tx:
            return tx.runs.get(run_id)


class RunHandle:
    """A run, wherever it is performed. The methods are those of the client, for this run."""

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

    def why(self) -> Why:
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
        chosen = {"act": act, "changes": changes, "idempotency_key": idempotency_key, "reason": reason}
        return self._client.fork(self.id, number=number, allow_effects=allow_effects, **chosen)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"RunHandle({self.id!r})"
