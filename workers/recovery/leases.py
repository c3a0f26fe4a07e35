"""Renews the leases of all iterations that this process performs, with one thread and one statement."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from botticelli.budget import Ticket
from botticelli.carousel.admission.dispatch import TICKET_LEASE_SECONDS
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import Claim, ClaimKey
from botticelli.telemetry.log import log
from workers.recovery.hand_back import hand_back

RENEWALS_PER_LEASE = 3


class LeaseKeeper:
    """Renews all held claims at a third of the lease, until there are none."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._claims: dict[ClaimKey, Claim] = {}
        self._interrupted: dict[ClaimKey, Claim] = {}
        """Claims interrupted by an absent server: handed back as soon as that can be recorded."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._empty = threading.Event()

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Renew the claim while the block runs. When a server goes away meanwhile, the claim is to be handed back."""
        key = claim.key
        with self._lock:
            self._claims[key] = claim
            self._empty.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_until_empty, name="leases", daemon=True)
                self._thread.start()
        try:
            with self.handing_back([claim]):
                yield
        finally:
            with self._lock:
                self._claims.pop(key, None)

    @contextmanager
    def handing_back(self, claims: Iterable[Claim]) -> Iterator[None]:
        """Let claims be handed back when a server goes away while the block runs."""
        try:
            yield
        except SERVER_ERRORS:
            with self._lock:
                self._interrupted |= {claim.key: claim for claim in claims}
            raise

    def hand_back_interrupted(self) -> None:
        """Hand interrupted claims back, so that they continue here or elsewhere.

        Raises the errors of an absent server.
        """
        for claim in self._take(self._interrupted):
            self._hand_back(claim, "a server was away")

    def hand_back_all(self, why: str) -> None:
        """Hand back all claims, including running ones, because this process ends."""
        for claim in [*self._take(self._interrupted), *self._take(self._claims)]:
            self._hand_back(claim, why)

    def _take(self, claims: dict[ClaimKey, Claim]) -> list[Claim]:
        with self._lock:
            taken = list(claims.values())
            claims.clear()
        return taken

    def _hand_back(self, claim: Claim, why: str) -> None:
        try:
            hand_back(self._runtime, claim, why)
        except SERVER_ERRORS:
            with self._lock:
                self._interrupted[claim.key] = claim
            raise

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
            except SERVER_ERRORS as error:
                log("lease_renewal_failed", level=logging.WARNING, claims=len(claims), error=type(error).__name__)

    def _renew(self, claims: list[Claim]) -> None:
        with self._runtime.store.transaction() as tx:
            held = tx.iterations.check_leases(claims, lease_seconds=self._runtime.settings.worker.lease_seconds)
        tickets = [Ticket.from_json(claim.ticket) for claim in claims if claim.key in held]
        if tickets:
            self._runtime.budget.renew_all(tickets, TICKET_LEASE_SECONDS)


@cache
def keeper_of(runtime: Runtime) -> LeaseKeeper:
    """Return the lease keeper of this process."""
    return LeaseKeeper(runtime)
