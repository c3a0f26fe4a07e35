"""Performs one act, turn by turn: skips it, or resolves its inputs, calls the model and writes its row."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NoReturn

from sqlalchemy.exc import DataError

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import GenerateRequest
from botticelli.errors import TemplateError
from botticelli.gates.text_checks import Failure
from botticelli.narrative import parse_json_or_text, render_text
from botticelli.narrative.model import Act, BotCommandInput, MediaInput, NarrativeInput, TableInput, TextInput
from botticelli.narrative.table_text import format_rows
from botticelli.statuses import ActStatus
from botticelli.store import REVIEW, ActRow
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log, logger
from botticelli.untrusted.storable import storable
from workers.context.history import GivenInputs, Piece, as_output, has_no_content, history_text, messages
from workers.context.iteration_context import IterationContext
from workers.context.media_and_rows import resolve_medium, resolve_rows
from workers.context.outcomes import ActFailed, ForReview, RedoFrom
from workers.context.reference_values import condition_value, is_skipped, list_of, resolver
from workers.context.trace_spans import act_span
from workers.effects.bot_command import perform_command
from workers.effects.captures import no_longer_exists
from workers.executor.attempts import Asking, Attempts, attempts_of, unrepaired_row
from workers.executor.judgement import failures_of
from workers.executor.recording import NearCopy, Result, Rows, record_rejection, record_result, variable_key
from workers.model.model_call import Answer
from workers.outputs.content_output import Schema, rows_in, schema_of
from workers.outputs.response_checks import fault_of, knows_schema, schema_note


def perform_act(stage: IterationContext) -> None:
    """Perform all turns of an act that are not done yet.

    ActFailed after the failure was written to the act's row. An act whose own carousel continues after errors fails
    only when no turn succeeds.
    """
    position, act = stage.position, stage.act
    done = {row.turn for row in tuple(stage.finished) if row.position == position}
    stages = turn_stages(stage)
    goes_on = act.carousel is not None and act.carousel.continue_on_error
    failure: ActFailed | None = None
    for turn, turn_stage in enumerate(stages, 1):
        if turn in done:
            continue
        try:
            with act_span(turn_stage, turn) if stage.runtime.spans.is_on else nullcontext():
                _Turn(turn_stage, turn).perform()
        except ActFailed as error:
            if not goes_on:
                raise
            failure = error
    if failure is not None and all(row.position != position for row in tuple(stage.finished)):
        raise failure


def turn_stages(stage: IterationContext) -> list[IterationContext]:
    """Return what each turn of the act sees. ActFailed, written to the act's row, when its list is not there.

    An act whose list is empty is recorded as skipped.
    """
    act = stage.act
    most = act.carousel.iterations if act.carousel else 1
    if act.foreach is None:
        return [stage] * most
    try:
        items = list_of(stage, act.foreach)
    except TemplateError as error:
        _Turn(stage, 1).fail(str(error))
    if not items and all(row.position != stage.position for row in tuple(stage.finished)):
        skip_act(stage)
    note = _cut_note(stage, len(items), most)
    turns = enumerate(items[:most], 1)
    return [stage.with_item(number, item, note if number == most else None) for number, item in turns]


def _cut_note(stage: IterationContext, items: int, most: int) -> str | None:
    """Return a warning for the last turn of an act whose list is longer than its iterations, and log it."""
    if items <= most:
        return None
    claim, note = stage.claim, f"its list has {items:,} items and iterations is {most:,}: {items - most:,} left out"
    log("list_cut", level=logging.WARNING, run=claim.run_id, iteration=claim.number, act=stage.act.name, reason=note)
    return note


def skip_act(stage: IterationContext) -> None:
    """Record an act as skipped because an enclosing act was skipped."""
    _Turn(stage, 1).skip()


class _Turn:
    """Performs one turn of one act."""

    def __init__(self, stage: IterationContext, turn: int) -> None:
        self._stage = stage
        self._position = stage.position
        self._act: Act = stage.act
        self._turn = turn
        self._name = f"{stage.position}.{turn}"
        self._started_at = datetime.now(UTC)
        self._recorded = False

    @cached_property
    def _asking(self) -> Asking:
        return Asking(self._stage)

    def perform(self) -> None:
        error = self._stage.failed_acts.get((self._position, self._turn))
        if error is not None:
            self._recorded = True
            self.fail(error)
        try:
            if self._is_skipped():
                return
            given = self._inputs()
            if self._act.calls_model:
                self._perform_call(given)
            else:
                self._record_inputs(given)
        except TemplateError as error:
            self.fail(str(error))
        except ActFailed as failure:
            self.fail(failure.error)

    def _is_skipped(self) -> bool:
        """Skip the act and record so, where its condition says so.

        An object that this act created and that no longer exists is no reason to skip. For an act that performs
        narratives, the decision is made before those begin.
        """
        condition = self._act.skip_if
        if self._act.composes is not None or condition is None or not is_skipped(self._stage, condition):
            return False
        value = condition_value(self._stage, condition)
        in_state = condition.reference.kind == "state" and not condition.negate
        if in_state and no_longer_exists(self._stage, self._act, value):
            return False
        self.skip(bound=value if in_state and self._is_unbound() else None)
        return True

    def skip(self, bound: Any = None) -> None:
        self._record(self._row("skipped"), bound=bound)

    def _is_unbound(self) -> bool:
        """Whether `output_var` has no value yet; a skipped act then assigns it the value that made the act needless."""
        if self._act.output_var is None:
            return False
        with self._stage.runtime.store.transaction() as tx:
            return tx.state.get(variable_key(self._stage, self._act.output_var)) is None

    def _inputs(self) -> GivenInputs:
        """Resolve the inputs in order; data of commands, queries and narratives also becomes text of the prompt."""
        given = GivenInputs()
        for number, input_ in enumerate(self._act.inputs):
            name = f"{self._name}.{number}"
            match input_:
                case TextInput():
                    text = render_text(input_.content, self._resolve)
                    given.pieces.append(Piece(text, "text", input_.history_retention))
                    given.is_empty = given.is_empty and has_no_content(text)
                case BotCommandInput():
                    data = perform_command(self._stage, self._act, name, input_)
                    kind = f"{input_.platform} {input_.command}"
                    given.bring(data, Piece(as_output(data), kind, input_.history_retention, is_fetched=True))
                case TableInput():
                    data, text = self._rows(name, input_)
                    kind = f"table {input_.table_name}"
                    given.bring(data, Piece(text, kind, input_.history_retention, is_fetched=True))
                case NarrativeInput():
                    text = self._narrative_output(input_)
                    given.bring(
                        parse_json_or_text(text),
                        Piece(text, f"narrative {input_.name}", input_.history_retention),
                        text,
                    )
                case MediaInput():
                    call = self._stage.plan[self._position]
                    given.media.append(resolve_medium(self._stage, input_, call, self._resolve))
                    given.is_empty = False
        return given

    def _rows(self, name: str, query: TableInput) -> tuple[Any, str]:
        """Return the rows and their text; for an optional query that fails, the reason as both."""
        try:
            rows = resolve_rows(self._stage, self._act.name, name, query, self._resolve)
        except ActFailed as failure:
            if query.required:
                raise
            return failure.error, failure.error
        return rows, format_rows(query, rows)

    def _narrative_output(self, performed: NarrativeInput) -> str:
        """Return what the narrative said last in this turn. ActFailed when one of its acts failed."""
        positions = self._stage.turn_of(self._act, performed, self._turn)
        rows = [row for row in self._stage.rows() if row.position in positions]
        if {row.position for row in rows} != set(positions):
            raise ActFailed(f"narrative {performed.name} failed in turn {self._turn}")
        last = [row for row in rows if row.output is not None]
        outputs = [row.output or "" for row in last if row.position == last[-1].position]
        return "\n\n".join(outputs)

    def _record_inputs(self, given: GivenInputs) -> None:
        """Record an act without a model call; the answer of another narrative may become content."""
        row = self._row("done", output=given.output, history_text=history_text(given.pieces))
        schema = self._schema() if self._act.composes is not None else None
        content = (schema, rows_in(given.output, schema)) if schema else None
        self._record(row, bound=given.data, content=content)

    def _schema(self) -> Schema | None:
        """Return where the act's content goes; None for an act that stores none, as most."""
        is_generated = self._stage.narrative.content_for(self._act).is_generated
        return schema_of(self._stage, self._position) if is_generated else None

    def _perform_call(self, given: GivenInputs) -> None:
        if given.is_empty:
            raise ActFailed("the prompt is empty; give the act a text, or skip it with skip_if")
        call = self._stage.plan[self._position]
        schema = self._schema()
        prompt, history = self._texts(given, call, schema)
        request = self._request(given, call, prompt)
        self._stage.tell("act_started", act=self._act.name, turn=self._turn, model=str(call.model))
        attempts = attempts_of(self._stage, self._turn)
        while not self._attempt(attempts, request, prompt, history, schema):
            reach("attempt_rejected")

    def _texts(self, given: GivenInputs, call: Call, schema: Schema | None) -> tuple[str, str | None]:
        """Return the prompt, with what the model must be told about the form of its answer, and what later acts see."""
        text = "\n\n".join(piece.text for piece in given.pieces)
        remembered, typed = history_text(given.pieces), self._act.answer_schema
        if typed is None:
            return storable(text + (schema.note if schema else "")), remembered
        if knows_schema(self._stage.runtime.drivers, call, typed):
            return storable(text), remembered
        return storable(text + schema_note(typed)), storable(text) if remembered is None else remembered

    def _request(self, given: GivenInputs, call: Call, prompt: str) -> GenerateRequest:
        system = self._stage.narrative.system_for(self._act)
        parameters = self._stage.narrative.parameters_for(self._act)
        return GenerateRequest(
            model=call.model.model,
            messages=messages(self._stage, prompt, given.media),
            system=storable(render_text(system, self._resolve)) if system else None,
            temperature=parameters.temperature,
            top_p=parameters.top_p,
            max_tokens=parameters.max_tokens,
            thinking=parameters.thinking,
            service_tier=parameters.service_tier,
            json=self._act.format == "json",
            json_schema=json.loads(self._act.answer_schema) if self._act.answer_schema else None,
            expected_tokens=call.expected_tokens,
        )

    def _attempt(
        self, attempts: Attempts, request: GenerateRequest, prompt: str, history: str | None, schema: Schema | None
    ) -> bool:
        """Ask for one answer and record it; False when it was rejected and there are attempts left."""
        call = attempts.call(self._stage.plan[self._position])
        base = self._row("done", prompt=attempts.prompt(prompt))
        base = replace(base, history_text=history if base.prompt == prompt or history is not None else prompt)
        row, answer, checked = self._asking.ask(base, call, attempts.request(request))
        if fault := checked.fault or fault_of(checked.misfits):
            self._fail_with(row, answer, fault)
        failures = failures_of(self._stage, attempts.gate, row) if self._act.gate else ()
        try:
            return self._conclude(attempts, row, answer, schema, failures)
        except NearCopy as copy:
            return self._conclude(attempts, row, answer, schema, copy.failures)

    def _conclude(
        self, attempts: Attempts, row: ActRow, answer: Answer, schema: Schema | None, failures: Sequence[Failure]
    ) -> bool:
        """Record an answer as it was judged; False when it was rejected and there are attempts left."""
        if failures and not attempts.is_last:
            record_rejection(self._stage, attempts.reject(row, failures), answer.paid.charge)
            self._started_at = datetime.now(UTC)
            if attempts.gate.back:
                reach("attempt_rejected")
                raise RedoFrom(self._position - attempts.gate.back, self._position)
            return False
        row = attempts.outcome(row, failures) if failures else row
        fault = row.error or self._record_answer(answer, row, schema)
        if fault:
            self._fail_with(row, answer, fault)
        if row.verdict == REVIEW:
            raise ForReview
        return True

    def _fail_with(self, row: ActRow, answer: Answer, fault: str) -> NoReturn:
        self._record(replace(row, status="failed", error=fault), answer=answer)
        raise ActFailed(fault)

    def _record_answer(self, answer: Answer, row: ActRow, schema: Schema | None) -> str | None:
        """Record a usable answer with the rows it holds; return why it can't be stored, or None."""
        output = row.output or ""
        try:
            content = (schema, rows_in(output, schema)) if schema else None
            self._record(row, answer=answer, bound=parse_json_or_text(output), content=content)
        except ActFailed as failure:
            return failure.error
        except (DataError, ValueError, TypeError, RecursionError, OverflowError) as error:
            logger.exception("answer_not_kept run=%s act=%s", self._stage.claim.run_id, self._act.name)
            return f"the answer can't be stored ({type(error).__name__})"
        return None

    def _row(
        self,
        status: ActStatus,
        *,
        prompt: str | None = None,
        history_text: str | None = None,
        output: str | None = None,
        error: str | None = None,
    ) -> ActRow:
        return ActRow(
            run_id=self._stage.claim.run_id,
            number=self._stage.claim.number,
            position=self._position,
            turn=self._turn,
            attempt=attempts_of(self._stage, self._turn).number if self._stage.rejected else 1,
            name=self._act.name,
            status=status,
            prompt=prompt,
            history_text=history_text,
            output=output,
            error=error,
            fencing_token=self._stage.claim.fencing_token,
            started_at=self._started_at,
        )

    def _record(
        self, row: ActRow, *, answer: Answer | None = None, bound: Any = None, content: Rows | None = None
    ) -> None:
        row = replace(row, warning="; ".join(filter(None, (self._stage.note, row.warning))) or None)
        record_result(Result(self._stage, row, bound, content), answer.paid.charge if answer else None)
        self._recorded = True

    def fail(self, error: str) -> NoReturn:
        """Write the failed row, unless the failure came with an answer and is in its row already."""
        if not self._recorded:
            row, first = self._row("failed", error=error), self._asking.first
            self._record(row if first is None else unrepaired_row(row, first))
        raise ActFailed(f"act {self._act.name}: {error}")

    def _resolve(self, reference: Any) -> Any:
        return resolver(self._stage, reference)
