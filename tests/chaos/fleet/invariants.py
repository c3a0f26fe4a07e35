"""The promises of the design, checked on a run that has ended: from the database, the ledger and the servers' records."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from botticelli.monitoring.budgets.ledger_audit import audited
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Iteration, Run
from tests.chaos.fleet.world import (
    DAY_SECONDS,
    FALLS,
    GUARD_MS,
    HOSTILE,
    KEY,
    PERIOD_SECONDS,
    TOKEN,
    TOLD,
    World,
    arrived_ms,
    asked_of,
)
from tests.support.waiting import wait_until

FINAL = {"succeeded", "failed", "cancelled", "skipped"}
SLACK_SECONDS = 0.5
"""A failure is stamped before it is committed: what began in between began before it."""
Row = tuple[object, ...]


def violations(
    runtime: Runtime, world: World, run_id: str, tag: str, *, unanswered: int = 0, scarce: bool = False
) -> list[str]:
    """Return the broken invariants, a line each; [] when all hold.

    `unanswered` is how many calls the provider was made to leave without an answer; a run that lacks budget (`scarce`)
    may end without being complete.
    """
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
        iterations = tx.iterations.of_run(run_id)
        acts = [act for iteration in iterations for act in tx.acts.of_iteration(run_id, iteration.number)]
    ledger = _rows(
        runtime, "select number, outcome, input_tokens, output_tokens from ledger where run_id = :run", run_id
    )
    violated = [
        *_ends(run, iterations, scarce, tag.startswith(FALLS)),
        *_order(runtime, run),
        *_data(world, tag, acts),
        *_tokens(run, acts, ledger),
        *_calls(world, tag, iterations, acts=acts, ledger=ledger, unanswered=unanswered),
        *_effects(runtime, world, tag, run_id, iterations),
    ]
    query = "select a.number from acts a join iterations i using (run_id, number) where run_id = :run"
    fenced = _rows(runtime, f"{query} and a.fencing_token > i.fencing_token", run_id)
    return [
        *violated,
        *([f"I4: acts with a fencing token that was never given: {fenced}"] if fenced else []),
    ]


def _ends(run: Run, iterations: list[Iteration], scarce: bool, falls: bool) -> Iterator[str]:
    """I1: each iteration has one end, and the run counts them. One that `falls` has an iteration that can't succeed."""
    statuses = Counter(iteration.status for iteration in iterations)
    open_ones = set(statuses) - FINAL
    if run.status == "completed" and statuses != {"succeeded": run.iterations}:
        yield f"I1: completed, with {dict(statuses)} of {run.iterations}"
    if falls and (run.status != "failed" or not statuses["failed"]):
        yield f"I1: the run is {run.status} though an iteration can't succeed: {dict(statuses)}"
    if not falls and run.status != "completed" and not (scarce and run.status in {"budget_exhausted", "cancelled"}):
        yield f"I1: the run is {run.status} ({run.reason})"
    if open_ones:
        yield f"I1: it has ended, and iterations are {dict(statuses)}"
    if run.succeeded != statuses["succeeded"] or run.failed != statuses["failed"]:
        yield f"I1: counted {run.succeeded} succeeded and {run.failed} failed of {dict(statuses)}"


def _order(runtime: Runtime, run: Run) -> Iterator[str]:
    """I6: after a final failure no iteration is begun, and no call of another one is drawn."""
    if run.continue_on_error:
        return
    late = f"failed.finished_at + interval '{SLACK_SECONDS} seconds'"
    query = f"""
        with failed as (
            select number, finished_at from iterations where run_id = :run and status = 'failed'
            order by finished_at limit 1
        )
        select 'begun', one.number from failed, iterations one
        where one.run_id = :run and one.number <> failed.number and one.started_at > {late}
        union all
        select 'drawn', one.number from failed, ledger one
        where one.run_id = :run and one.number <> failed.number and one.outcome <> 'refused' and one.drawn_at > {late}
    """
    for what, number in _rows(runtime, query, run.id):
        yield f"I6: iteration {number} was {what} after one had failed for good"


def _data(world: World, tag: str, acts: list[ActRow]) -> Iterator[str]:
    """I7: what the model said is text everywhere.

    I7: what the model said is text everywhere: word for word in rows, in later prompts and at Discord, and it pings
    nobody. That a table is gone, a file or a secret read would show in it, too. Nothing to judge where no model spoke.
    """
    if not any(act.tries for act in acts):
        return
    for act in acts:
        if act.tries and act.status == "done" and act.output != HOSTILE:
            yield f"I7: iteration {act.number} has other words of the model: {act.output!r}"
    changed = [content for _, content in world.messages(tag) if not content.endswith(f" {TOLD}")]
    if changed:
        yield f"I7: messages with other words of the model: {changed}"
    changed = [heard for heard in world.heard(tag) if HOSTILE not in heard]
    if changed:
        yield f"I7: prompts with other words of the model: {changed}"
    if world.pings(tag):
        yield f"I7: messages that may ping: {world.pings(tag)}"


def _tokens(run: Run, acts: list[ActRow], ledger: list[Row]) -> Iterator[str]:
    """I3: the same in acts, ledger and result; nothing stays in flight."""
    of_acts = sum(act.input_tokens + act.output_tokens for act in acts)
    of_ledger = sum(int(str(row[2])) + int(str(row[3])) for row in ledger if row[1] == "settled")
    of_run = run.input_tokens + run.output_tokens
    if not of_acts == of_ledger == of_run:
        yield f"I3: {of_acts} tokens in acts, {of_ledger} in the ledger, {of_run} of the run"
    drawn = [row for row in ledger if row[1] == "drawn"]
    if drawn:
        yield f"I3: {len(drawn)} draws that nobody settled: {drawn}"


def _calls(
    world: World, tag: str, iterations: list[Iteration], *, acts: list[ActRow], ledger: list[Row], unanswered: int
) -> Iterator[str]:
    """I4: what is recorded is not paid again; what is paid twice is one call for each lost attempt, and is in the ledger."""
    answered: Counter[int] = Counter()
    for (number, _), count in world.answered(tag).items():
        answered[number] += count
    lost = 0
    for iteration in iterations:
        rows = Counter(str(row[1]) for row in ledger if row[0] == iteration.number)
        spoken = sum(1 for act in acts if act.number == iteration.number and act.tries)
        if rows["settled"] != spoken:
            yield f"I4: iteration {iteration.number} has {spoken} answers and {rows['settled']} settled calls"
        if not spoken <= answered[iteration.number] <= rows["settled"] + rows["unknown"]:
            yield f"I4: iteration {iteration.number}: the provider answered {answered[iteration.number]} calls of {dict(rows)}"
        lost += max(0, rows["unknown"] - (iteration.attempt - (iteration.status == "succeeded")))
    if lost > unanswered:
        yield f"I4: {lost} calls of unknown outcome more than lost attempts; {unanswered} were left without an answer"


def _effects(runtime: Runtime, world: World, tag: str, run_id: str, iterations: list[Iteration]) -> Iterator[str]:
    """I4: effects are judged by Discord's own record.

    I4, by Discord's own record: one channel, one message of each iteration, and each effect knows its own. A channel
    that an iteration was lost before making may have been made by another one.
    """
    channels, messages = world.channels(tag), world.messages(tag)
    done = [f"{tag} {iteration.number}" for iteration in iterations if iteration.status == "succeeded"]
    texts = Counter(_name(content) for _, content in messages)
    if len(channels) > 1 or (done and not channels):
        yield f"I4: there are {len(channels)} channels {tag}"
    if [text for text, count in texts.items() if count > 1] or set(done) - set(texts):
        yield f"I4: messages {dict(texts)} for {done}"
    query = "select number, command, status, output ->> 'id' from effects where run_id = :run"
    rows = _rows(runtime, query, run_id)
    succeeded = {iteration.number for iteration in iterations if iteration.status == "succeeded"}
    made = {row[1] for row in rows if row[2] == "done"}
    left = {(row[0], row[1]) for row in rows if row[1:3] == ("channels.create", "failed") and row[1] in made}
    unclear = [row for row in rows if row[0] in succeeded and row[2] != "done" and row[:2] not in left]
    if unclear:
        yield f"I4: effects of finished iterations are {unclear}"
    there = {identity: _name(content) for identity, content in messages}
    for number, command, status, identity in rows:
        if command == "messages.send" and status == "done" and there.get(str(identity)) != f"{tag} {number}":
            yield f"I4: iteration {number} took {identity} for its message: {there.get(str(identity))!r}"


def _name(content: str) -> str:
    """Tag and number of a message, before the words of the model."""
    return " ".join(content.split(" ", 2)[:2])


def limits_passed(
    runtime: Runtime, world: World, model: str, requests: int, day_requests: int
) -> tuple[list[str], int]:
    """I2: limits are judged by the provider's own record.

    I2, by the provider's own record; and how many calls came later than the guard allows for (a process was stopped
    between its draw and its call): those count for the day, and not for the short window.
    """
    scope = runtime.scopes.of(runtime.drivers.resolve(f"openai/{model}")).name
    query = "select narrative, act, number, drawn_at from ledger where scope = :run order by drawn_at"
    draws: dict[Row, list[float]] = defaultdict(list)
    for *what, at in _rows(runtime, query, scope):
        assert isinstance(at, datetime)
        draws[tuple(what)].append(at.timestamp() * 1000)
    arrivals, late, violated = [], 0, []
    for call in world.calls(model):
        known = draws[asked_of(call)]
        at_ms = arrived_ms(call)
        before = bisect_right(known, at_ms + 5)
        if not before:
            violated.append(f"I2: a call without a draw: {asked_of(call)}")
        elif at_ms - known[before - 1] > GUARD_MS:
            late += 1
        else:
            arrivals.append(at_ms)
    worst = most_in_any_interval(sorted(arrivals), PERIOD_SECONDS * 1000)
    if worst > requests:
        violated.append(f"I2: {worst} calls of {model} within {PERIOD_SECONDS:g} s, of {requests}")
    total = len(world.calls(model))
    if total > day_requests:
        violated.append(f"I2: {total} calls of {model} within {DAY_SECONDS} s, of {day_requests}")
    return violated, late


def most_in_any_interval(moments_ms: list[float], period_ms: float) -> int:
    return max((bisect_right(moments_ms, at + period_ms - 1) - n for n, at in enumerate(moments_ms)), default=0)


def audit_violations(runtime: Runtime, since: datetime) -> list[str]:
    """I2, by the ledger: what `botticelli budget audit` says."""
    windows = audited(runtime, since)["windows"]
    return [
        f"I2: {window['scope']} {window['window']}: {window['violations']}"
        for window in windows
        if window["violations"]
    ]


def secrets_in(folder: Path) -> list[str]:
    """I8: files of logs, rows, streams and their journals that hold a secret."""
    secrets = (KEY.encode(), TOKEN.encode())
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return [f"I8: a secret is in {file}" for file in files if _holds(file, secrets)]


def _holds(file: Path, secrets: tuple[bytes, ...]) -> bool:
    try:
        data = file.read_bytes()
    except FileNotFoundError:  # a server has just removed it
        return False
    return any(secret in data for secret in secrets)


def held(runtime: Runtime, model: str) -> list[str]:
    """I5: the tickets that the Budget still holds for a model."""
    return list(runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve(model))).holders)


def wait_for_end(runtime: Runtime, run_id: str, timeout_seconds: float = 240) -> None:
    def ended() -> bool:
        with runtime.store.transaction() as tx:
            return tx.runs.get(run_id).is_final

    wait_until(ended, f"the end of run {run_id}", timeout_seconds)


def _rows(runtime: Runtime, statement: str, run_id: str) -> list[Row]:
    with runtime.store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), {"run": run_id})]
