"""Opens the spans of an iteration, its acts, model calls and bot commands, with the names of the GenAI conventions.

Nothing of a prompt, an answer or an argument is in a span, unless `traces.messages` says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import Driver, GenerateRequest, GenerateResponse, HasServer
from botticelli.errors import BotticelliError
from botticelli.narrative.model import BotCommandInput
from botticelli.runtime.process import worker_name
from botticelli.runtime.tracing.spans import Attributes, Kind, OpenSpan, SpanKey
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ActFailed, Failed, Outcome

GEMINI = "gemini"
PROVIDERS = {GEMINI: "gcp.gemini"}
"""Names of providers in the conventions, where they are not those of the drivers."""
ERROR_CHARACTERS = 1000


@contextmanager
def iteration_span(stage: IterationContext) -> Iterator[OpenSpan]:
    """Trace one attempt of an iteration, as a child of its run."""
    claim, run = stage.claim, stage.run
    key = SpanKey(claim.run_id, claim.number, claim.attempt)
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run.narrative,
        "botticelli.run.id": run.id,
        "botticelli.iteration.number": claim.number,
        "botticelli.iteration.attempt": claim.attempt,
        "botticelli.worker": worker_name(),
    }
    with _traced(stage, f"iteration {run.narrative}", attributes, key=key, parent=key.run, kind="consumer") as span:
        yield span


def end_iteration(span: OpenSpan, outcome: Outcome) -> Outcome:
    """Note the outcome of an iteration, and return it."""
    span.set({"botticelli.outcome": type(outcome).__name__.lower()})
    if isinstance(outcome, Failed):
        span.fail(outcome.error[:ERROR_CHARACTERS], "iteration_failed")
    return outcome


@contextmanager
def act_span(stage: IterationContext, turn: int) -> Iterator[None]:
    """Trace a turn of an act. Its parent is named, since acts that run side by side are in other threads."""
    claim = stage.claim
    attributes: Attributes = {"gen_ai.prompt.name": stage.act.name, "botticelli.act.turn": turn}
    key = SpanKey(claim.run_id, claim.number, claim.attempt)
    with _traced(stage, f"act {stage.act.name}", attributes, parent=key):
        yield


@contextmanager
def command_span(stage: IterationContext, input_: BotCommandInput) -> Iterator[None]:
    """Trace a bot command, without its arguments."""
    attributes: Attributes = {"botticelli.platform": input_.platform, "botticelli.command": input_.command}
    with _traced(stage, f"{input_.platform} {input_.command}", attributes, kind="client"):
        yield


@contextmanager
def _traced(
    stage: IterationContext,
    name: str,
    attributes: Attributes,
    *,
    kind: Kind = "internal",
    key: SpanKey | None = None,
    parent: SpanKey | None = None,
) -> Iterator[OpenSpan]:
    """Open a span for the block. Errors fail it; what only ends the block early, such as a pause, is named."""
    spans = stage.runtime.spans
    span = spans.begin(name, kind=kind, key=key, parent=parent, attributes=attributes)
    try:
        with spans.current(span):
            yield span
    except (BotticelliError, ActFailed) as error:  # a lost lease, too: what follows is another worker's
        span.fail(str(error)[:ERROR_CHARACTERS], type(error).__name__)
        raise
    except BaseException as error:
        span.set({"botticelli.ended_by": type(error).__name__})
        raise
    finally:
        span.end()


class CallSpan:
    """The span of one try of a model call: a retry is another one."""

    def __init__(self, stage: IterationContext, act: str, call: Call, request: GenerateRequest, tries: int) -> None:
        self._spans = stage.runtime.spans
        operation = "generate_content" if call.model.provider == GEMINI else "chat"
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.prompt.name": act,
            "gen_ai.prompt.version": stage.run.request_sha256 or None,
            "server.address": _server_of(stage.runtime.drivers.get(call.model.provider)),
            "botticelli.try": tries,
        } | _of_request(call, request)
        self._span = self._spans.begin(f"{operation} {call.model.model}", kind="client", attributes=attributes)
        if self._spans.keeps_messages:
            messages = [{"role": message.role, "content": message.text} for message in request.messages]
            system = request.system and json.dumps([{"type": "text", "content": request.system}])
            self._span.set({"gen_ai.input.messages": json.dumps(messages), "gen_ai.system_instructions": system})

    def end(self, response: GenerateResponse) -> None:
        """End it with the answer."""
        usage = response.usage
        self._span.set(
            {
                "gen_ai.response.finish_reasons": (response.finish_reason,),
                "gen_ai.usage.input_tokens": usage.input_tokens,
                "gen_ai.usage.output_tokens": usage.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
                "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
                "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
            }
        )
        if self._spans.keeps_messages:
            answer = {"role": "assistant", "content": response.text, "finish_reason": response.finish_reason}
            self._span.set({"gen_ai.output.messages": json.dumps([answer])})
        self._span.end()

    def fail(self, error: BaseException) -> None:
        """End it with an error."""
        self._span.fail(str(error)[:ERROR_CHARACTERS], type(error).__name__)
        self._span.end()


def _of_request(call: Call, request: GenerateRequest) -> dict[str, str | int | float | None]:
    return {
        "gen_ai.provider.name": PROVIDERS.get(call.model.provider, call.model.provider),
        "gen_ai.request.model": call.model.model,
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.output.type": "json" if request.json else "text",
    }


def _server_of(driver: Driver) -> str | None:
    """Return the host of a server that the settings name; None for the provider's own."""
    url = driver.server_url if isinstance(driver, HasServer) else None
    return urlsplit(url).hostname if url else None
