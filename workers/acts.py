"""One act, turn by turn: skip it, or resolve its inputs, call the model, and write its row. Knows no other act's inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botticelli.drivers import GenerateRequest, Message
from botticelli.errors import TemplateError
from botticelli.failpoints import reach
from botticelli.narrative import json_or_text, render_text
from botticelli.narrative.model import Act
from botticelli.store import ActRow, Transaction, escape_segment
from workers.answers import judge
from workers.effects import Command
from workers.model_calls import Answer, ModelCall
from workers.outcomes import ActFailed
from workers.references import is_skipped, resolver
from workers.stage import Stage


def perform_act(stage: Stage, position: int, act: Act) -> None:
    """All turns that are not done yet. ActFailed after the failure was written to the act's row; a carousel of the act's
    own that goes on after errors fails only when no turn succeeds."""
    done = {row.turn for row in stage.finished if row.position == position}
    turns = act.carousel.iterations if act.carousel else 1
    goes_on = act.carousel is not None and act.carousel.continue_on_error
    failure: ActFailed | None = None
    for turn in range(1, turns + 1):
        if turn in done:
            continue
        try:
            _Turn(stage, position, act, turn).perform()
        except ActFailed as error:
            if not goes_on:
                raise
            failure = error
    if failure is not None and all(row.position != position for row in stage.finished):
        raise failure


class _Turn:
    """One turn of one act."""

    def __init__(self, stage: Stage, position: int, act: Act, turn: int) -> None:
        self._stage = stage
        self._position = position
        self._act = act
        self._turn = turn
        self._name = f"{position}.{turn}"
        self._started_at = datetime.now(UTC)
        self._recorded = False

    def perform(self) -> None:
        try:
            if is_skipped(self._stage, self._act.skip_if):
                self._record(self._row("skipped"))
                return
            data, prompt = self._inputs()
            if prompt is None:
                self._record(self._row("done", output=_as_output(data)), bound=data)
            else:
                self._speak(prompt)
        except TemplateError as error:
            self._fail(str(error))
        except ActFailed as failure:
            self._fail(failure.error)

    def _inputs(self) -> tuple[Any, str | None]:
        """The result of the last command, and the prompt; the prompt is None when the act has no text."""
        data: Any = None
        texts = []
        for number, one in enumerate(self._act.inputs):
            if one.type == "text":
                texts.append(render_text(one.content, self._resolve))
            elif one.type == "bot_command":
                captured_as = self._act.output_var or self._act.own_name
                command = Command(self._stage, self._act.name, f"{self._name}.{number}", one, captured_as)
                data = command.perform()
                texts.append(_as_output(data))
        return data, "\n\n".join(texts) if self._act.calls_model else None

    def _speak(self, prompt: str) -> None:
        call = self._stage.plan[self._position]
        system = self._act.system or self._stage.narrative.system
        temperature = self._act.temperature
        request = GenerateRequest(
            model=call.model.model,
            messages=(*self._history(), Message("user", prompt)),
            system=render_text(system, self._resolve) if system else None,
            temperature=self._stage.narrative.temperature if temperature is None else temperature,
            max_tokens=self._act.max_tokens or self._stage.narrative.max_tokens,
            json=self._act.format == "json",
            expected_tokens=call.expected_tokens,
        )
        retries = self._stage.run.retries if self._act.retries is None else self._act.retries
        self._stage.tell("act_started", act=self._act.name, turn=self._turn, model=str(call.model))
        answer = ModelCall(self._stage, self._act.name, retries, call, self._name).perform(request)
        judged = judge(answer.response, as_json=self._act.format == "json")
        fault, output = judged.fault, judged.output
        row = self._row("failed" if fault else "done", prompt=prompt, output=output, error=fault, answer=answer)
        row = replace(row, raw_output=judged.raw, warning=judged.warning)
        self._record(row, answer=answer, bound=None if fault else json_or_text(output))
        if fault:
            raise ActFailed(fault)

    def _history(self) -> Iterator[Message]:
        """Earlier acts are the conversation; the turns of one act don't see each other."""
        if not self._act.history:
            return
        for row in self._stage.finished:
            if row.prompt is not None and row.output is not None and row.position < self._position:
                yield Message("user", row.prompt)
                yield Message("assistant", row.output)

    def _row(
        self,
        status: str,
        *,
        prompt: str | None = None,
        output: str | None = None,
        error: str | None = None,
        answer: Answer | None = None,
    ) -> ActRow:
        usage = answer.response.usage if answer else None
        return ActRow(
            run_id=self._stage.claim.run_id,
            number=self._stage.claim.number,
            position=self._position,
            turn=self._turn,
            name=self._act.name,
            status=status,
            prompt=prompt,
            output=output,
            error=error,
            model=str(answer.model) if answer else None,
            finish_reason=answer.response.finish_reason if answer else None,
            input_tokens=usage.input_tokens if usage else 0,
            cached_tokens=usage.cached_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            reasoning_tokens=usage.reasoning_tokens if usage else 0,
            cost_usd=answer.response.cost_usd if answer else None,
            tries=answer.tries if answer else 0,
            fence=self._stage.claim.fence,
            started_at=self._started_at,
            drawn_at=answer.drawn_at if answer else None,
            settled_at=answer.settled_at if answer else None,
        )

    def _record(self, row: ActRow, *, answer: Answer | None = None, bound: Any = None) -> None:
        """Act row, ledger and `output_var` in one transaction."""
        with self._stage.guarded() as tx:
            tx.acts.record(row)
            if answer is not None:
                response = answer.response
                tx.ledger.settle(answer.draw_id, "settled", answer.settled_at, response.usage, response.cost_usd)
            if self._act.output_var and bound is not None:
                self._bind(tx, self._act.output_var, bound)
        reach("act_recorded")
        if row.status != "failed":
            self._stage.finished.append(row)
        self._recorded = True

    def _bind(self, tx: Transaction, variable: str, value: Any) -> None:
        key = f"narrative.{escape_segment(self._stage.narrative.name)}.{variable}"
        tx.state.set(key, value, metadata={"run": self._stage.claim.run_id, "act": self._act.name})

    def _fail(self, error: str) -> None:
        """Write the failed row, unless the failure came with an answer and is in its row already."""
        if not self._recorded:
            self._record(self._row("failed", error=error))
        raise ActFailed(f"act {self._act.name}: {error}")

    def _resolve(self, reference: Any) -> Any:
        return resolver(self._stage, reference)


def _as_output(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
