"""Fills the row of an act with what a model call brought and cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from botticelli.store import ActRow
from workers.model.model_call import Answer

MAX_REASONING_CHARACTERS = 100_000
"""Longest reasoning text that is stored with an act."""


def paid_row(row: ActRow, answer: Answer) -> ActRow:
    """Return the row with the model, the usage and the times of an answer."""
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
        settled_at=answer.paid.settled.settled_at,
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
