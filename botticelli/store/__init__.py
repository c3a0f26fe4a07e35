"""Reads and writes Postgres, the only source of truth.

`Store` opens a transaction; a `Transaction` has one repository for each kind of row. Decisions are made by the callers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from botticelli.store.access.api_tokens import ApiToken, ApiTokens
from botticelli.store.access.stored_answers import StoredAnswer, StoredAnswers
from botticelli.store.connection.sessions import as_unwritable, committing, connected
from botticelli.store.connection.tenant_role import bind_to_tenant
from botticelli.store.fleet.elections import SWEEP, Absence, Duties
from botticelli.store.fleet.probes import Probe, Probes
from botticelli.store.metrics.horizon import Horizon
from botticelli.store.metrics.metric_rows import Demand, Gauge, MetricRows, Total
from botticelli.store.notices.deliveries import Deliveries, DeliveryRow, DueDelivery
from botticelli.store.notices.outbox import Notice, Outbox
from botticelli.store.notices.targets import NoticeTargets, TargetState
from botticelli.store.runs.acts import REDO, REDONE, REJECTED, REPAIRING, REVIEW, ActRow, Acts
from botticelli.store.runs.effect_rows import (
    ApprovalRequest,
    ConflictingEffect,
    Effect,
    EffectRecord,
    Intent,
    WaitingEffect,
)
from botticelli.store.runs.effects import Effects
from botticelli.store.runs.items import Item, Items, ItemStatus, NewItem, batch_rows
from botticelli.store.runs.iteration_steps import IterationSteps
from botticelli.store.runs.iterations import (
    Claim,
    ClaimKey,
    ExpiredLease,
    Iteration,
    Iterations,
    Open,
    Pace,
    RunIntent,
    Unclaimed,
)
from botticelli.store.runs.media import MediaRepository, NewMedium
from botticelli.store.runs.run_actions import HALT, RunAction, RunActions
from botticelli.store.runs.run_filter import RunFilter
from botticelli.store.runs.runs import NewRun, Run, Runs
from botticelli.store.schedules.firing_rows import Backlog, Firing, Firings, FiringView
from botticelli.store.schedules.schedule_rows import DueSchedule, Schedule, Schedules, StoredNarrative
from botticelli.store.schema.statements import joined_trips, statement
from botticelli.store.usage.learned_limits import LearnedLimit, LearnedLimits
from botticelli.store.usage.ledger import Entry, Ledger, PastCalls, PastUsage, RunMoney, Settled
from botticelli.store.usage.overrides import WHOLE, ActiveOverrides, Override, Overrides
from botticelli.store.usage.usage_history import ActUsage, SpendingHistory, SpentRow, Step
from botticelli.store.user_data.accepted_texts import AcceptedTexts, TextColumn, TextPlace
from botticelli.store.user_data.content_keys import Origin
from botticelli.store.user_data.content_tables import Content, ContentTable, NewRow
from botticelli.store.user_data.state import StateEntry, StateRepository, escape_segment
from botticelli.store.user_data.user_tables import Query, Tables
from botticelli.store.webhooks.received import ReceivedWebhook, ReceivedWebhooks

LOCK_POLL_SECONDS = 0.05
NAMED_LOCK_SECONDS = 600.0
"""Longest time that a named lock is held. Its holder sends nothing meanwhile; TCP keepalives find a lost machine."""

__all__ = [
    "HALT",
    "REDO",
    "REDONE",
    "REJECTED",
    "REPAIRING",
    "REVIEW",
    "SWEEP",
    "UNDECIDED",
    "UNRESOLVED",
    "WHOLE",
    "Absence",
    "ActRow",
    "ActUsage",
    "ActiveOverrides",
    "ApiToken",
    "ApprovalRequest",
    "Backlog",
    "Claim",
    "ClaimKey",
    "ConflictingEffect",
    "Content",
    "ContentTable",
    "DeliveryRow",
    "Demand",
    "DueDelivery",
    "DueSchedule",
    "Effect",
    "EffectRecord",
    "Entry",
    "ExpiredLease",
    "Firing",
    "FiringView",
    "Gauge",
    "Horizon",
    "Intent",
    "Item",
    "ItemStatus",
    "Iteration",
    "LearnedLimit",
    "MediaRepository",
    "NewItem",
    "NewMedium",
    "NewRow",
    "NewRun",
    "Notice",
    "Open",
    "Origin",
    "Override",
    "Pace",
    "PastCalls",
    "PastUsage",
    "Probe",
    "Query",
    "ReceivedWebhook",
    "Run",
    "RunAction",
    "RunFilter",
    "RunIntent",
    "RunMoney",
    "Schedule",
    "Settled",
    "SpentRow",
    "StateEntry",
    "Step",
    "Store",
    "StoredAnswer",
    "StoredNarrative",
    "Tables",
    "TargetState",
    "TextColumn",
    "TextPlace",
    "ThreadLocks",
    "Total",
    "Transaction",
    "Unclaimed",
    "WaitingEffect",
    "batch_rows",
    "escape_segment",
]


R = TypeVar("R")


class Repository(Generic[R]):
    """An attribute of transactions that is made when a transaction first uses it."""

    def __init__(self, make: Callable[[Connection], R]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, tx: Transaction, owner: type) -> R:
        made = vars(tx)[self._name] = self._make(tx.connection)
        return made


class Transaction:
    """Groups the repositories over one connection; what they write is committed together or not at all."""

    runs = Repository(Runs)
    iterations = Repository(Iterations)
    steps = Repository(IterationSteps)
    items = Repository(Items)
    acts = Repository(Acts)
    effects = Repository(Effects)
    state = Repository(StateRepository)
    ledger = Repository(Ledger)
    spending = Repository(SpendingHistory)
    overrides = Repository(Overrides)
    run_actions = Repository(RunActions)
    learned = Repository(LearnedLimits)
    media = Repository(MediaRepository)
    content = Repository(Content)
    texts = Repository(AcceptedTexts)
    probes = Repository(Probes)
    duties = Repository(Duties)
    webhooks = Repository(ReceivedWebhooks)
    notices = Repository(Outbox)
    schedules = Repository(Schedules)
    firings = Repository(Firings)
    deliveries = Repository(Deliveries)
    notice_targets = Repository(NoticeTargets)
    api_tokens = Repository(ApiTokens)
    answers = Repository(StoredAnswers)
    metrics = Repository(MetricRows)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @contextmanager
    def in_savepoint(self, only: bool) -> Iterator[None]:
        """Run the block in a savepoint, which is rolled back at its end if `only` is true."""
        savepoint = self.connection.begin_nested()
        try:
            yield
        except BaseException:
            savepoint.rollback()
            raise
        if only:
            savepoint.rollback()
        else:
            savepoint.commit()

    def freeze(self) -> None:
        """Let all further statements see the database as it is now. To be called before the first one."""
        self.connection.execute(text("set transaction isolation level repeatable read"))

    def limit_statements(self, timeout_seconds: float) -> None:
        """Limit the duration of each further statement of this transaction."""
        self.connection.execute(text(f"set local statement_timeout = {round(timeout_seconds * 1000)}"))


class ThreadLocks:
    """Keeps a lock for each name in use, so that only one thread of a process waits for the lock in Postgres."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        with self._lock:
            lock, users = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._locks.pop(name)
                if users > 1:
                    self._locks[name] = lock, users - 1

    def users(self, name: str) -> int:
        """Return how many threads hold the lock of `name` or wait for it."""
        with self._lock:
            return self._locks.get(name, (None, 0))[1]


class Store:
    """Opens transactions on one Postgres database."""

    def __init__(self, engine: Engine, tenant: str | None = None) -> None:
        self.engine = engine
        self._tenant = tenant
        self._threads = ThreadLocks()

    def bound_to(self, tenant: str) -> Store:
        """Return a store whose transactions see and write only rows of a tenant."""
        return Store(self.engine, tenant)

    @contextmanager
    def named_lock(self, name: str) -> Iterator[None]:
        """Hold the lock of `name` among all processes; a process that dies releases it. Costs a connection."""
        with self._threads.of(name), connected(self.engine) as connection:
            limit = f"set local idle_in_transaction_session_timeout = {round(NAMED_LOCK_SECONDS * 1000)}"
            connection.execute(text(limit))
            while not connection.execute(statement("name_lock"), {"name": name}).scalar_one():
                threading.Event().wait(LOCK_POLL_SECONDS)
            yield

    def lock_holders(self, seconds: float) -> list[dict[str, Any]]:
        """List the sessions whose transaction has held row locks for longer than `seconds`: client, state and tables."""
        with connected(self.engine) as connection:
            return [dict(row) for row in connection.execute(statement("lock_holders"), {"seconds": seconds}).mappings()]

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction: commit at the end of the block, roll back when it raises.

        Lock order: run first, then iteration. Raises Unwritable when the server accepts no writes: its disk is full, or
        it is in read-only mode.
        """
        with self._refusals(), connected(self.engine) as connection:
            if self._tenant is not None:
                bind_to_tenant(connection, self._tenant)
            yield Transaction(connection)

    @contextmanager
    def single_statements(self) -> Iterator[Transaction]:
        """Open a connection whose statements are committed one by one, each in one trip in place of three.

        Raises as `transaction` does. Behind a pooler, and for a tenant, the whole block is a transaction.
        """
        if self._tenant is not None:
            with self.transaction() as tx:
                yield tx
        else:
            with self._refusals(), committing(self.engine) as connection:
                yield Transaction(connection)

    @contextmanager
    def joined_transaction(self) -> Iterator[Transaction]:
        """Open a transaction as `transaction` does, without trips of its own for its begin and its commit.

        Behind a pooler, and for a tenant, it has them.
        """
        if self._tenant is not None:
            with self.transaction() as tx:
                yield tx
        else:
            with self._refusals(), committing(self.engine) as connection, joined_trips(connection):
                yield Transaction(connection)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Raise Unwritable for errors that say that the server accepts no writes."""
        try:
            yield
        except DBAPIError as error:
            if (refusal := as_unwritable(self.engine, error)) is not None:
                raise refusal from None
            raise

    @contextmanager
    def reading(self, timeout_seconds: float) -> Iterator[Connection]:
        """Open a read-only transaction in which each statement is limited to `timeout_seconds`."""
        with connected(self.engine) as connection:
            connection.execute(text("set transaction read only"))
            if self._tenant is not None:
                bind_to_tenant(connection, self._tenant)
            connection.execute(text(f"set local statement_timeout = {round(timeout_seconds * 1000)}"))
            yield connection
