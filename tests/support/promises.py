"""Checks the promises that the rows of a complete run must keep. The fake servers are checked in tests/chaos."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import text

from botticelli.runtime.process import Runtime


def violations(runtime: Runtime, run_id: str, *, calls_lost: int) -> list[str]:
    """List the broken promises, one line each. `calls_lost` is how many model calls may have been paid twice."""
    broken: list[str] = []
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
        iterations = tx.iterations.of_run(run_id)
        acts = [
            act for iteration in iterations for act in tx.acts.of_iteration(run_id, iteration.number, rejected=True)
        ]
    if run.status != "completed":
        broken.append(f"I1: the run is {run.status} ({run.reason})")
    statuses = Counter(iteration.status for iteration in iterations)
    if statuses != {"succeeded": run.iterations} or run.succeeded != run.iterations:
        broken.append(f"I1: of {run.iterations} iterations {dict(statuses)}, counted {run.succeeded}")
    ledger = _rows(runtime, "select outcome, input_tokens, output_tokens from ledger where run_id = :run", run_id)
    settled = [row for row in ledger if row[0] == "settled"]
    of_acts = sum(act.input_tokens + act.output_tokens for act in acts)
    of_ledger = sum(row[1] + row[2] for row in settled)
    if not of_acts == of_ledger == run.input_tokens + run.output_tokens:
        of_run = run.input_tokens + run.output_tokens
        broken.append(f"I3: {of_acts} tokens in acts, {of_ledger} in the ledger, {of_run} of the run")
    calls = sum(1 for act in acts if act.tries)
    if not calls <= len(ledger) <= calls + calls_lost:
        broken.append(f"I4: {len(ledger)} calls for {calls} acts, of which {calls_lost} may be lost")
    effects = Counter(row[0] for row in _rows(runtime, "select status from effects where run_id = :run", run_id))
    if set(effects) - {"done"}:
        broken.append(f"I4: effects are {dict(effects)}")
    query = "select a.number from acts a join iterations i using (run_id, number) where run_id = :run"
    fenced = _rows(runtime, f"{query} and a.fencing_token > i.fencing_token", run_id)
    if fenced:
        broken.append(f"I4: acts with a fencing token that was never given: {fenced}")
    return broken


def _rows(runtime: Runtime, statement: str, run_id: str) -> list[tuple]:
    with runtime.store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), {"run": run_id})]
