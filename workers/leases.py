"""Keeps the leases of everything this process performs, with one thread and one statement. Judges no lease itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from botticelli.budget import Ticket
from botticelli.carousel.dispatch import TICKET_LEASE_SECONDS
from botticelli.runtime import Runtime
from botticelli.store import Claim
from botticelli.telemetry import log
from workers.outages import SERVERS_AWAY

RENEWALS_PER_LEASE = 3


class LeaseKeeper:
    """Renews all held claims at a third of the lease, until there are none."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._claims: dict[tuple[str, int, int], Claim] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._empty = threading.Event()

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """The claim is renewed for as long as the block runs."""
        key = (claim.run_id, claim.number, claim.fence)
        with self._lock:
            self._claims[key] = claim
            self._empty.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_until_empty, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._claims.pop(key, None)

    def _renew_until_empty(self) -> None:
        interval_seconds = self._runtime.settings.worker.lease_seconds / RENEWALS_PER_LEASE
        while not self._empty.wait(interval_seconds):
            with self._lock:
                claims = list(self._claims.values())
                if not claims:
                    self._thread = None
                    return
            try:
                self._renew(claims)
            except SERVERS_AWAY as error:
                log("lease_renewal_failed", level=logging.WARNING, claims=len(claims), error=type(error).__name__)

    def _renew(self, claims: list[Claim]) -> None:
        with self._runtime.store.transaction() as tx:
            held = tx.iterations.renew(claims, lease_seconds=self._runtime.settings.worker.lease_seconds)
        for claim in claims:
            if (claim.run_id, claim.number) in held:
                ticket = Ticket.from_json(claim.ticket)
                self._runtime.budget.renew(ticket.id, [share.scope for share in ticket.shares], TICKET_LEASE_SECONDS)
