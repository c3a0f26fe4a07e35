"""Asks a model for the answers of one turn of an act. A typed answer that does not fit is kept, and asked for once more."""

from __future__ import annotations

from dataclasses import replace

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import GenerateRequest, GenerateResponse
from botticelli.store import REPAIRING, ActRow
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import logger
from workers.batching.act_records import ActRecord, record_act
from workers.context.iteration_context import IterationContext
from workers.executor.answer_rows import paid_row
from workers.executor.attempts import call_name
from workers.model.model_call import Answer, ModelCall
from workers.outputs.response_checks import CUT, CheckedAnswer, check_answer
from workers.outputs.typed_answers import fault_of, read_typed, repair_request


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
            record_act(self._stage.runtime, ActRecord(self._stage.claim, first, answer.paid.settled))
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
