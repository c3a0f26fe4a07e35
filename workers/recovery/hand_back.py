"""Hands a claimed iteration back before its lease expires, because its worker ends or lost its servers."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from botticelli.budget import Ticket
from botticelli.carousel import advance, publish
from botticelli.runtime.process import Runtime
from botticelli.store import Claim
from botticelli.telemetry.log import log


def release(runtime: Runtime, *claims: Claim) -> None:
    """Release what the iterations didn't draw, for the next ones. Without Redis, the tickets' leases expire instead."""
    try:
        runtime.budget.release_all([Ticket.from_json(claim.ticket) for claim in claims])
    except RedisError as error:
        log("ticket_not_released", level=logging.WARNING, run=claims[0].run_id, error=type(error).__name__)


def hand_back(runtime: Runtime, claim: Claim, why: str) -> None:
    """Queue an iteration again, with a new ticket if there is one; does nothing when another worker holds it.

    Finished acts are kept; a call in flight counts as its estimate and is made again. The fencing token increases, so
    that whoever still performs the iteration can write nothing. It doesn't count as a lost worker. Raises the errors of
    an absent server.
    """
    release(runtime, claim)
    with runtime.store.transaction() as tx:
        run = tx.runs.lock(claim.run_id)
        if not tx.iterations.requeue(claim.run_id, claim.number, claim.fencing_token, retries_used=claim.retries_used):
            return
        tx.ledger.abandon(claim.run_id, claim.number)
        if run.ending is not None:
            tx.iterations.cancel_queued(claim.run_id)
        publications = advance(runtime, tx, tx.runs.lock(claim.run_id))
    publish(runtime, publications)
    log("iteration_handed_back", run=claim.run_id, iteration=claim.number, why=why)
