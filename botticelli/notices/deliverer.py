"""Delivers notices: one thread for each target, which no other thread of the fleet delivers to at the same time."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
import uuid
from contextlib import suppress
from functools import cache
from typing import Any

from botticelli.notices.fan_out import BATCH_SIZE, fan_out
from botticelli.notices.outcome import Delivered, Failed, Gone, Outcome
from botticelli.notices.retry_schedule import MAX_ATTEMPTS, retry_wait_seconds
from botticelli.notices.send_bot import send_bot
from botticelli.notices.send_mail import send_mail
from botticelli.notices.send_web import send_web
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.settings.sections.notify import NotifyTarget
from botticelli.store import DueDelivery, Notice
from botticelli.store.notices.deliveries import DeliveryStatus
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log, logger

HOLD_SECONDS = 60.0
"""Seconds for which an attempt holds a target. It takes half of them at most; a dead worker's target is free after them."""
MAX_BATCHES = 20


class Deliverer:
    """Fans notices out to the targets of the settings and delivers them, in threads of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._targets = {target.name: target for target in runtime.settings.notify}
        self._threads: dict[str, threading.Thread] = {}
        self._is_registered = False
        self._stopping = False

    def tick(self) -> None:
        """Fan out what is new, and start a thread for each target with something due. Raises Postgres's errors."""
        if not self._targets:
            return
        self.register()
        for _ in range(MAX_BATCHES):
            if fan_out(self._runtime.store, list(self._targets.values())) < BATCH_SIZE:
                break
        with self._runtime.store.transaction() as tx:
            due = tx.notice_targets.due(self._targets)
        for name in due:
            self._start(self._targets[name])

    def flush(self, seconds: float) -> None:
        """Deliver what is due, for at most `seconds`; then begin no further attempt."""
        deadline = time.monotonic() + seconds
        self.tick()
        for thread in list(self._threads.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        self._stopping = True

    def register(self) -> None:
        """Make the targets known, once: they are told of what happens from now on. Raises Postgres's errors."""
        if self._is_registered or not self._targets:
            return
        with self._runtime.store.transaction() as tx:
            for target in self._targets.values():
                tx.notice_targets.register(target.name, fingerprint(target))
        self._is_registered = True

    def _start(self, target: NotifyTarget) -> None:
        thread = self._threads.get(target.name)
        if not self._stopping and (thread is None or not thread.is_alive()):
            name = f"notices-{target.name}"
            thread = threading.Thread(target=self._deliver_all, args=(target,), name=name, daemon=True)
            self._threads[target.name] = thread
            thread.start()

    def _deliver_all(self, target: NotifyTarget) -> None:
        """Deliver what is due to a target until nothing is, or until an attempt fails."""
        holder = uuid.uuid4().hex
        try:
            while not self._stopping and self._deliver_next(target, holder):
                pass
        except SERVER_ERRORS as error:
            log("notices_interrupted", level=logging.WARNING, target=target.name, error=type(error).__name__)
        except Exception:
            logger.exception("notices_failed target=%s", target.name)
        with suppress(*SERVER_ERRORS), self._runtime.store.transaction() as tx:
            tx.notice_targets.release(target.name, holder)

    def _deliver_next(self, target: NotifyTarget, holder: str) -> bool:
        """Make one attempt; return whether to go on with the next delivery."""
        with self._runtime.store.transaction() as tx:
            due = (
                tx.deliveries.next_due(target.name)
                if tx.notice_targets.hold(target.name, holder, HOLD_SECONDS)
                else None
            )
            if due is None:
                return False
            output = tx.deliveries.written_by_model(due.notice) if "output" in target.include else None
        outcome = attempt(self._runtime, target, due.notice, output, now=due.now)
        reach("notice_sent")
        self._record(due, outcome)
        return isinstance(outcome, Delivered)

    def _record(self, due: DueDelivery, outcome: Outcome) -> None:
        attempts = due.attempts + 1
        off_reason = None
        with self._runtime.store.transaction() as tx:
            match outcome:
                case Delivered(answer, note, receipt):
                    tx.deliveries.record(due, "delivered", answer=answer, error=note, receipt=receipt)
                case Gone(error, answer):
                    tx.deliveries.record(due, "pending", answer=answer, error=error)
                    off_reason = error
                case Failed(error, answer, retry_after_seconds):
                    wait = retry_wait_seconds(attempts, random.random(), retry_after_seconds)  # noqa: S311 (jitter)
                    status: DeliveryStatus = "pending" if wait is not None else "failed"
                    tx.deliveries.record(due, status, answer=answer, error=error, wait_seconds=wait)
                    if wait is None:
                        off_reason = f"{MAX_ATTEMPTS} attempts over 75 hours failed; the last: {error}"
                    elif retry_after_seconds:
                        tx.notice_targets.postpone(due.target, wait)
            if off_reason is not None:
                tx.notice_targets.switch_off(due.target, off_reason)
        _log(due, outcome, off_reason)


def attempt(runtime: Runtime, target: NotifyTarget, notice: Notice, output: object, *, now: float) -> Outcome:
    """Send a notice once. Any error is an outcome, but for an absent server: a notice that can't be sent must end, too."""
    try:
        match target.kind:
            case "email":
                return send_mail(target, notice, output)
            case "discord_bot":
                return send_bot(runtime, target, notice, output)
            case _:
                return send_web(target, notice, output, now)
    except SERVER_ERRORS:
        raise
    except Exception as error:
        logger.exception("notice_broken id=%s target=%s", notice.id, target.name)
        return Failed(f"the notice can't be sent ({type(error).__name__})")


def fingerprint(target: NotifyTarget) -> str:
    """Return a short hash of a target's address. A target with another hash is a new one, which is switched on."""
    url = target.url.get_secret_value() if target.url else target.url_env
    place: tuple[object, ...] = (target.kind, url, target.smtp_url, target.smtp_user, target.sender, target.to)
    place += (target.channel_id,) if target.channel_id is not None else ()
    return hashlib.sha256(repr(place).encode()).hexdigest()[:16]


def _log(due: DueDelivery, outcome: Outcome, off_reason: str | None) -> None:
    about: dict[str, Any] = {
        "target": due.target,
        "id": due.notice.id,
        "type": due.notice.type,
        "attempt": due.attempts + 1,
    }
    if isinstance(outcome, Delivered):
        log("notice_delivered", **about)
    else:
        log("notice_failed", level=logging.WARNING, **about, error=outcome.error)
    if off_reason is not None:
        log("notice_target_off", level=logging.ERROR, target=due.target, reason=off_reason)


@cache
def deliverer_of(runtime: Runtime) -> Deliverer:
    """Return the deliverer of this process."""
    return Deliverer(runtime)
