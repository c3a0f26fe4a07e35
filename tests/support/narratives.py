"""Builds short narratives, and executes whole runs in the test's own process."""

from __future__ import annotations

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.narrative import Environment, Loaded, parse_narrative
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.waiting import wait_until
from workers.executor.iteration import perform
from workers.recovery.duties.due_runs import DueRuns
from workers.recovery.duties.expired_data import ExpiredData
from workers.recovery.duties.expired_leases import ExpiredLeases
from workers.recovery.duties.unclaimed_tasks import UnclaimedTasks

MOST_TURNS = 1000
ONE_ACT = 'one = "Say hello {iteration}"'


def narrative_text(iterations: int = 3, acts: str = ONE_ACT, name: str = "test", **carousel: object) -> str:
    """Write a narrative in the table form; keyword arguments are keys of its carousel."""
    keys = "\n".join(f"{key} = {_toml(value)}" for key, value in carousel.items())
    header = f'[narrative]\nname = "{name}"\n[narrative.carousel]\niterations = {iterations}\n{keys}\n'
    return f"{header}[acts]\n{acts}\n"


def loaded(text: str, **environment: str) -> Loaded:
    return parse_narrative(
        text, source="test.toml", folder=None, environment=Environment.for_local_files(environment, ())
    )


def start(runtime: Runtime, text: str, **options: object) -> Run:
    """Enqueue a run, without executing it yet."""
    return enqueue(runtime, loaded(text), "test.toml", EnqueueRequest(**options)).run  # type: ignore[arg-type]


def perform_open(runtime: Runtime, run_id: str) -> int:
    """Execute the iterations that are queued now, in order; return how many."""
    with runtime.store.transaction() as tx:
        queued = [iteration.number for iteration in tx.iterations.of_run(run_id) if iteration.status == "queued"]
    for number in queued:
        perform(runtime, run_id, number)
    return len(queued)


def perform_all(runtime: Runtime, run_id: str) -> Run:
    """Execute and sweep as a worker would, without a broker, until the run has ended, waits or is paused."""

    def pass_over() -> Run | None:
        for _ in range(MOST_TURNS):
            if perform_open(runtime, run_id) == 0 or _stands(run_of(runtime, run_id)):
                break
        sweep(runtime)
        run = run_of(runtime, run_id)
        return run if _stands(run) else None

    return wait_until(pass_over, f"run {run_id} to end, wait or be paused")


def sweep(runtime: Runtime) -> None:
    """Perform the duties that bring runs on, once, as the elected worker does."""
    for make in (ExpiredLeases, UnclaimedTasks, DueRuns, ExpiredData):
        make(runtime).run()


def _stands(run: Run) -> bool:
    """Return whether no queued iteration of the run may be executed now."""
    return run.is_final or run.status in ("waiting", "paused")


def run_of(runtime: Runtime, run_id: str) -> Run:
    with runtime.store.transaction() as tx:
        return tx.runs.get(run_id)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
