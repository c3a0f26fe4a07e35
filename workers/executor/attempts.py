"""Judges the answers of one turn of an act by its gate, and asks again while there are attempts left.

Each attempt is a draw of the iteration's ticket and a row of its own: a worker that is lost in between costs no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import GenerateRequest
from botticelli.gates.text_checks import Failure
from botticelli.narrative.gate import Gate
from botticelli.store import REDO, REDONE, REJECTED, REVIEW, ActRow
from workers.context.feedback import feedback, feedback_tokens, with_feedback
from workers.context.iteration_context import IterationContext

UNGATED = Gate(attempts=1)


def call_name(position: int, turn: int, attempt: int) -> str:
    """Return the name of a call, unique within the iteration: position, attempt and turn."""
    return f"{position}.{turn}" if attempt == 1 else f"{position}-{attempt}.{turn}"


@dataclass(slots=True)
class Attempts:
    """Counts the answers of one turn; `rejected` are the rows of those that were not accepted, in order."""

    gate: Gate
    rejected: list[ActRow] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The number of the current attempt, unique among the rows of this turn."""
        return self.rejected[-1].attempt + 1 if self.rejected else 1

    @property
    def is_last(self) -> bool:
        """Whether the gate gives no further attempt: since the run was resumed, and since a later gate went back here."""
        counted = 0
        for row in self.rejected:
            counted = 0 if row.verdict in (REDO, REDONE) or not row.fencing_token else counted + 1
        return counted + 1 >= self.gate.attempts

    @property
    def _previous(self) -> ActRow | None:
        """The answer that this attempt is to improve, if there is one.

        None for a first attempt, when the run was resumed since, and when the answer that has to change is another act's.
        """
        last = self.rejected[-1] if self.rejected else None
        if last is None or last.output is None or not last.fencing_token:
            return None
        return last if last.verdict == REDO or (last.verdict is None and not self.gate.back) else None

    def request(self, request: GenerateRequest) -> GenerateRequest:
        """Return the request of this attempt."""
        previous = self._previous
        if previous is None:
            return request
        return with_feedback(request, previous.output or "", self._feedback(previous))

    def call(self, call: Call) -> Call:
        """Return the call with an estimate that covers the longer prompt."""
        previous = self._previous
        if previous is None:
            return call
        return call.with_input(feedback_tokens(previous.output or "", self._feedback(previous)))

    def prompt(self, prompt: str) -> str:
        """Return the prompt as it is recorded: with the feedback on the answer before."""
        previous = self._previous
        return prompt if previous is None else f"{prompt}\n\n{self._feedback(previous)}"

    def reject(self, row: ActRow, failures: Sequence[Failure]) -> ActRow:
        """Return the row of a rejected answer, and count it."""
        rejected = replace(row, status=REJECTED, error=reasons_in(failures))
        self.rejected.append(rejected)
        return rejected

    def outcome(self, row: ActRow, failures: Sequence[Failure]) -> ActRow:
        """Return the row of the last answer, which was not accepted either, as `otherwise` says."""
        count = "the only attempt" if self.gate.attempts == 1 else f"any of {self.gate.attempts} attempts"
        reason = f"no answer was accepted in {count}: {'; '.join(failure.reason for failure in failures)}"
        match self.gate.otherwise:
            case "fail":
                return replace(row, status="failed", error=reason)
            case "review":
                return replace(row, verdict=REVIEW, warning=_joined(row.warning, f"{reason}; for review"))
            case "keep":
                return replace(row, verdict="kept", warning=_joined(row.warning, f"{reason}; kept"))

    @staticmethod
    def _feedback(row: ActRow) -> str:
        return feedback((row.error or "").splitlines())


def attempts_of(stage: IterationContext, turn: int) -> Attempts:
    """Return the attempts of a turn, with those of earlier workers."""
    rejected = [row for row in tuple(stage.rejected) if (row.position, row.turn) == (stage.position, turn)]
    rejected.sort(key=lambda row: row.attempt)
    return Attempts(stage.act.gate or UNGATED, rejected)


def reasons_in(failures: Sequence[Failure]) -> str:
    """Return the reasons, one to a line."""
    return "\n".join(" ".join(failure.reason.split()) for failure in failures)


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)
