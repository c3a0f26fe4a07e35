"""Asks a model for the answers of one turn of an act, and counts the attempts that its gate allows.

A typed answer that does not fit is recorded, and asked for once more.
Each attempt is a draw of the iteration's ticket and a row of its own: a worker that is lost in between costs no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import GenerateRequest, GenerateResponse
from botticelli.gates.text_checks import Failure
from botticelli.narrative.gate import Gate
from botticelli.store import REDO, REDONE, REJECTED, REPAIRING, REVIEW, ActRow
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import logger
from workers.batching.batched_writes import ActRecord, record_act
from workers.context.feedback import feedback, feedback_tokens, with_feedback
from workers.context.iteration_context import IterationContext
from workers.model.model_call import Answer, ModelCall
from workers.outputs.response_checks import CUT, CheckedAnswer, check_answer, fault_of, read_typed, repair_request

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


class Asking:
    """Performs the calls of one turn of an act. `first` is the recorded answer that a repair call is to replace."""

    def __init__(self, stage: IterationContext) -> None:
        self._stage = stage
        self._act = stage.act
        self.first: ActRow | None = None

    def ask(self, base: ActRow, call: Call, request: GenerateRequest) -> tuple[ActRow, Answer, CheckedAnswer]:
        """Ask for an answer; a typed one that does not fit is recorded, and asked for once more."""
        self.first = None
        first = self._stage.unrepaired.get((base.position, base.turn, base.attempt))
        if first is None:
            answer = self._call(base, call, request)
            checked = self._checked(answer.response)
            row = replace(
                paid_row(base, answer), output=checked.output, raw_output=checked.raw, warning=checked.warning
            )
            if not checked.misfits or call.repair is None:
                return row, answer, checked
            first = replace(row, status=REPAIRING, raw_output=None, warning=fault_of(checked.misfits))
            record_act(self._stage.runtime, ActRecord(self._stage.claim, first, answer.paid.charge))
            reach("act_recorded")
        self.first = first
        return self._repair(first, base, call, request)

    def _repair(
        self, first: ActRow, base: ActRow, call: Call, request: GenerateRequest
    ) -> tuple[ActRow, Answer, CheckedAnswer]:
        """Ask once more for a typed answer that does not fit; the row's figures are those of this call."""
        schema, repair = self._act.answer_schema or "{}", call.repair or call
        cut_after = first.output_tokens if first.finish_reason == CUT else None
        wrong = read_typed(first.output or "", schema, cut_after=cut_after).misfits
        self._stage.tell("answer_misfit", act=self._act.name, turn=base.turn, reason=fault_of(wrong))
        request = replace(request, expected_tokens=repair.expected_tokens)
        request = repair_request(request, first.output or "", wrong, schema)
        answer = self._call(base, repair, request, is_repair=True)
        checked = self._checked(answer.response)
        warning = "; ".join(filter(None, (f"repaired: {fault_of(wrong)}", checked.warning)))
        row = replace(
            paid_row(base, answer), output=checked.output, raw_output=first.output, warning=warning, repairs=1
        )
        return row, answer, checked

    def _call(self, base: ActRow, call: Call, request: GenerateRequest, *, is_repair: bool = False) -> Answer:
        retries = self._stage.run.retries if self._act.retries is None else self._act.retries
        name = call_name(base.position, base.turn, base.attempt)
        return ModelCall(self._stage, self._act.name, retries, call, name, is_repair=is_repair).perform(request)

    def _checked(self, response: GenerateResponse) -> CheckedAnswer:
        """Judge an answer; a defect in the checks fails the act but keeps the answer, which is paid for."""
        try:
            return check_answer(response, as_json=self._act.format == "json", schema=self._act.answer_schema)
        except Exception as error:
            logger.exception("answer_not_judged run=%s act=%s", self._stage.claim.run_id, self._act.name)
            return CheckedAnswer(response.text, fault=f"the answer can't be checked ({type(error).__name__})")


MAX_REASONING_CHARACTERS = 100_000
"""Longest reasoning text that is stored with an act."""


def paid_row(row: ActRow, answer: Answer) -> ActRow:
    """Return the row with the model and the usage of an answer; `settled_at` is filled in when it is recorded."""
    response, usage = answer.response, answer.response.usage
    return replace(
        row,
        model=str(answer.model),
        finish_reason=response.finish_reason,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_long_tokens=usage.cache_write_long_tokens,
        usage_doubtful=bool(response.usage_doubtful),
        reasoning=response.reasoning[:MAX_REASONING_CHARACTERS] or None,
        cost_usd=response.cost_usd,
        tries=answer.tries,
        drawn_at=answer.paid.drawn_at,
    )


def unrepaired_row(row: ActRow, first: ActRow) -> ActRow:
    """Return the row of an act whose repair call failed, with the answer that it was to replace.

    Its usage is that of nothing: the usage of the first answer stands in the row already.
    """
    return replace(
        row,
        attempt=first.attempt,
        prompt=first.prompt,
        history_text=first.history_text,
        output=first.output,
        model=first.model,
        finish_reason=first.finish_reason,
        warning=first.warning,
        cost_usd=Decimal(0),
    )
