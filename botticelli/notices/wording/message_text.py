"""Words a notice for people: what happened, why, and the command that helps. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.store.notices.outbox import Notice

NAME_CHARACTERS = 100
REASON_CHARACTERS = 500
OUTPUT_CHARACTERS = 900
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MessageText:
    """A notice in words, each on one line; `command` is to be typed, or empty. `output` is what a model wrote."""

    title: str
    reason: str
    command: str
    output: str = ""

    @property
    def lines(self) -> list[str]:
        """Return the parts that are there, as plain text."""
        return [line for line in (self.title, self.reason, self.command and f"-> {self.command}", self.output) if line]


def message_text(notice: Notice, output: Any = None) -> MessageText:
    """Word a notice; one of a type that this version doesn't know is named by its type."""
    write = _WRITERS.get(notice.type, _other)
    title, command = write(notice.data)
    reason = _line(notice.data.get("reason") or notice.data.get("error") or "", REASON_CHARACTERS)
    return MessageText(title or notice.type, reason, command, "" if output is None else _shown(output))


def _shown(output: Any) -> str:
    text = "\n".join(f"{key}: {value}" for key, value in output.items()) if isinstance(output, dict) else str(output)
    return text if len(text) <= OUTPUT_CHARACTERS else text[: OUTPUT_CHARACTERS - 1] + "…"


def _line(value: object, limit: int = NAME_CHARACTERS) -> str:
    """Return a value on one line, without characters that move a cursor or reorder text."""
    text = re.sub(r"\s+", " ", str(value)).strip()
    text = "".join(letter for letter in text if letter.isprintable())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _word(value: object) -> str:
    """Return a value as one word of a shell command."""
    return shlex.quote(_line(value))


def _completed(data: Facts) -> tuple[str, str]:
    failed = data.get("failed") or 0
    with_failures = f", {failed:,} failed" if failed else ""
    title = f"{_line(data.get('narrative'))} is complete: {_progress(data)}{with_failures}{_cost(data)}"
    return title, f"botticelli runs {'retry' if failed else 'show'} {_word(data.get('run_id'))}"


def _failed(data: Facts) -> tuple[str, str]:
    title = f"{_line(data.get('narrative'))} has failed: {_progress(data)}{_cost(data)}"
    return title, f"botticelli runs why {_word(data.get('run_id'))}"


def _exhausted(data: Facts) -> tuple[str, str]:
    title = f"{_line(data.get('narrative'))} ended, its budget is exhausted: {_progress(data)}{_cost(data)}"
    return title, f"botticelli runs resume {_word(data.get('run_id'))}"


def _paused(data: Facts) -> tuple[str, str]:
    by_person = " by a person" if data.get("hold") else ""
    title = f"{_line(data.get('narrative'))} is paused{by_person}: {_progress(data)}{_cost(data)}"
    return title, f"botticelli runs {'resume' if by_person else 'why'} {_word(data.get('run_id'))}"


def _waiting(data: Facts) -> tuple[str, str]:
    title = f"{_line(data.get('narrative'))} waits for approval of {_line(data.get('command'))}{_place(data)}"
    return title, f"botticelli effects approve {_word(data.get('effect_id'))}"


def _decided(data: Facts) -> tuple[str, str]:
    edited = "edited and " if data.get("edited") else ""
    decision = f"was {edited}{_line(data.get('status'))} by {_line(data.get('decided_by'))}"
    title = f"{_line(data.get('narrative'))}: {_line(data.get('command'))} {decision}{_place(data)}"
    return title, f"botticelli effects show {_word(data.get('effect_id'))}"


def _unknown(data: Facts) -> tuple[str, str]:
    title = f"{_line(data.get('narrative'))}: nobody knows whether {_line(data.get('command'))} was done{_place(data)}"
    return title, f"botticelli effects show {_word(data.get('effect_id'))}"


def _threshold(data: Facts) -> tuple[str, str]:
    used, limit = data.get("used"), data.get("limit")
    title = f"budget {_line(data.get('scope'))} has used {data.get('percent')} % of {_line(data.get('window'))}"
    figures = f" ({used:,} of {limit:,})" if isinstance(used, int) and isinstance(limit, int) else ""
    return title + figures, f"botticelli budget explain {_word(data.get('scope'))}"


def _missed(data: Facts) -> tuple[str, str]:
    count = data.get("missed") or 1
    times = _line(data.get("last_at")) if count == 1 else f"{count:,} times, the last one {_line(data.get('last_at'))}"
    return (
        f"schedule {_line(data.get('schedule'))} missed {times}",
        f"botticelli schedules why {_word(data.get('schedule'))}",
    )


def _no_worker(data: Facts) -> tuple[str, str]:
    runs = data.get("due_runs") or 0
    title = f"no worker has been alive since {_line(data.get('last_seen_at'))}: {runs:,} runs are due"
    return title, "celery -A botticelli worker"


def _test(data: Facts) -> tuple[str, str]:
    return f"this is a test of the target {_line(data.get('target'))}", "botticelli notify list"


def _other(data: Facts) -> tuple[str, str]:
    return "", f"botticelli runs why {_word(data['run_id'])}" if data.get("run_id") else ""


def _progress(data: Facts) -> str:
    return f"{data.get('succeeded') or 0:,} of {data.get('iterations') or 0:,} iterations succeeded"


def _cost(data: Facts) -> str:
    cost = data.get("cost_usd")
    return f", ${float(cost):,.4f}" if cost else ""


def _place(data: Facts) -> str:
    return f" (iteration {data.get('iteration')}, act {_line(data.get('act'))})"


_WRITERS: Mapping[str, Callable[[Facts], tuple[str, str]]] = {
    "run.completed": _completed,
    "run.failed": _failed,
    "run.budget_exhausted": _exhausted,
    "run.paused": _paused,
    "effect.waiting": _waiting,
    "effect.decided": _decided,
    "effect.unknown": _unknown,
    "budget.threshold": _threshold,
    "schedule.missed": _missed,
    "worker.none": _no_worker,
    "notify.test": _test,
}
