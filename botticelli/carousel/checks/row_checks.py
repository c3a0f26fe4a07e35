"""Judges the rows of a run before it exists: whether they have what its acts read, and whether their prompts fit.

Measures what they bring into prompts. Stores nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from botticelli.carousel.plan.estimates import DEFAULT_MAX_TOKENS, literal_tokens, turns
from botticelli.carousel.plan.planned_calls import Plan
from botticelli.carousel.plan.prompt_sizes import Size
from botticelli.drivers.interface.token_estimate import estimate_tokens
from botticelli.errors import InvalidInput, TemplateError
from botticelli.narrative.model import ROW_KINDS, Act, Narrative, Reference
from botticelli.narrative.source.problems import did_you_mean, shown
from botticelli.narrative.templates.references import references_in
from botticelli.narrative.templates.row_values import column_of, row_value
from botticelli.narrative.templates.template import as_text
from botticelli.rows.row import Row

MEASURED_FIRST = 1000
MEASURED_EVERY = 97
"""Rows whose tokens are counted: the first ones, each so many later ones, each that is longer than all before, and each
that may be too large by its length."""
MOST_TOKENS_PER_CHARACTER = 2
MOST_ESCAPED = 6
"""Characters of a row's JSON that a character of it may take."""
TOKEN_METRICS = ("tokens", "input_tokens")


def row_references(narrative: Narrative) -> Iterator[tuple[Act, Reference]]:
    """Yield the references to rows that must have a value, with their acts: those of `skip_if` may have none.

    An act with a list of its own reads the row of the run only for that list.
    """
    for act in narrative.acts:
        own = (act.foreach,) if act.foreach else (narrative.system_for(act), *act.inputs)
        for reference in references_in(own):
            if reference.kind in ROW_KINDS:
                yield act, reference


def require_no_rows(narrative: Narrative) -> None:
    """Raise InvalidInput for a narrative that goes through rows, when there are none."""
    act, reference = next(row_references(narrative), (None, None))
    carousel = narrative.carousel
    if act is not None and reference is not None:
        problem = f"act {act.name} reads {reference.text}, and the run has no rows"
    elif carousel is not None and (carousel.key or carousel.batch_rows):
        problem = "the carousel goes through rows, and the run has none"
    else:
        return
    do = 'give them with --rows FILE, or name them in the carousel: foreach = { file = "rows.csv" }'
    raise InvalidInput(problem, do=do)


@dataclass(slots=True)
class _Prompt:
    """Text that rows bring into the prompt of one act. `room` is how many tokens fit, None without a limit."""

    act: Act
    paths: tuple[tuple[str, ...], ...]
    """Paths of the references, one for each time that it is quoted; () is the whole row."""
    room: int | None
    limit: str
    sizes: list[int] = field(default_factory=list)


class RowJudge:
    """Judges each row. `batch` is how many of them one iteration has; `plan` is an iteration without rows."""

    def __init__(self, narrative: Narrative, plan: Plan, batch: int) -> None:
        self._narrative = narrative
        self._batch = batch
        self._prompts = {position: self._prompt(position, plan) for position in plan}
        self._judged = 0
        self._longest = 0
        self._columns: frozenset[str] = frozenset()
        """Columns that every row has, so that only what is in their values can be missing."""

    def __call__(self, row: Row, text: str) -> str | None:
        """Return why a row can't be performed, or None."""
        for reference in self._checked:
            try:
                row_value(row.values, reference.path, reference=reference.text)
            except TemplateError as error:
                act = next(act for act, other in row_references(self._narrative) if other == reference)
                return f"{error.what}, which act {act.name} reads{f'; {error.do}' if error.do else ''}"
        return self.measure(row, text) if self._due([len(text)]) else None

    def begin(self) -> None:
        """Forget what was measured."""
        self._judged = self._longest = 0
        for prompt in self._prompts.values():
            prompt.sizes.clear()

    def due(self, lengths: Sequence[int]) -> set[int] | None:
        """Return which of the next rows, of so many characters each, are to be measured; None: each is to be judged."""
        return None if self._checked else self._due(lengths)

    def _due(self, lengths: Sequence[int]) -> set[int]:
        before, longest = self._judged, max(lengths)
        self._judged += len(lengths)
        due = set(range(min(len(lengths), max(0, MEASURED_FIRST - before))))
        due |= set(range(-(before + 1) % MEASURED_EVERY, len(lengths), MEASURED_EVERY))
        if longest > self._longest:
            self._longest = longest
            due.add(lengths.index(longest))
        if longest > self._harmless:
            due |= {position for position, length in enumerate(lengths) if length > self._harmless}
        return due

    @cached_property
    def _harmless(self) -> float:
        """Characters of a row that no limit can refuse, whatever they are."""
        rooms = (
            prompt.room / (len(prompt.paths) * MOST_TOKENS_PER_CHARACTER * MOST_ESCAPED)
            for prompt in self._prompts.values()
            if prompt.room is not None and prompt.paths
        )
        return min(rooms, default=math.inf)

    def check_columns(self, columns: Sequence[str] | None, source: str) -> None:
        """Raise InvalidInput for a reference to a column that no row has. Call it before the first row."""
        self._columns = frozenset(columns or ())
        for act, reference in row_references(self._narrative) if columns is not None else ():
            if reference.kind == "row" and reference.path and column_of(reference.path, columns or ()) is None:
                name = ".".join(reference.path)
                hint = did_you_mean(name, columns or (), otherwise="the columns are")
                problem = f"has no column {shown(name)}, which act {act.name} reads: {reference.text}"
                raise InvalidInput(problem, where=source, do=hint)

    def brought(self, quantile: float) -> dict[int, int]:
        """Return the tokens that the rows of one iteration bring into each act's prompt: a quantile of those measured."""
        return {
            position: self._batch * sorted(prompt.sizes)[min(len(prompt.sizes) - 1, int(len(prompt.sizes) * quantile))]
            for position, prompt in self._prompts.items()
            if prompt.sizes and prompt.paths
        }

    def sizes(self) -> dict[int, Size]:
        """Return the tokens that the rows of one iteration bring into each act's prompt, by those measured."""
        return {
            position: Size(min(prompt.sizes), round(sum(prompt.sizes) / len(prompt.sizes)), max(prompt.sizes)).times(
                self._batch
            )
            for position, prompt in self._prompts.items()
            if prompt.sizes and prompt.paths
        }

    @cached_property
    def _checked(self) -> list[Reference]:
        """References that each row must have a value for."""
        references = (reference for _, reference in row_references(self._narrative))
        read = (item for item in references if item.kind == "row" and item.path)
        return [item for item in dict.fromkeys(read) if ".".join(item.path) not in self._columns]

    def measure(self, row: Row, text: str) -> str | None:
        """Count the tokens that a row brings into each prompt; return why it is too large, or None."""
        for prompt in self._prompts.values():
            if not prompt.paths:
                continue
            tokens = sum(_tokens(row, path, text) for path in prompt.paths)
            prompt.sizes.append(tokens)
            if prompt.room is not None and tokens > prompt.room:
                return f"is too large for act {prompt.act.name}: it brings {tokens:,} tokens, {prompt.limit}"
        return None

    def _prompt(self, position: int, plan: Plan) -> _Prompt:
        narrative, call = self._narrative, plan[position]
        act = narrative.acts[position]
        own = literal_tokens(act, narrative)
        answer = act.max_tokens or narrative.max_tokens or DEFAULT_MAX_TOKENS
        windows = [
            (window.limit - turns(act) * (own + (answer if window.metric == "tokens" else 0)), window, scope)
            for scope in call.scopes
            for window in scope.windows
            if window.metric in TOKEN_METRICS
        ]
        room, window, scope = min(windows, key=lambda item: item[0], default=(None, None, None))
        limit = f"and {window.name} of {scope.name} is {window.limit:,}" if window and scope else ""
        texts = [input_.content for input_ in act.inputs if input_.type == "text"]
        texts += [system for system in (narrative.system_for(act),) if system]
        if act.foreach is not None:
            texts = []
        quoted = (part for text in texts for part in text.references if part.kind in ("row", "rows"))
        paths = tuple(part.path if part.kind == "row" else () for part in quoted)
        return _Prompt(act, paths, room and math.floor(room / (turns(act) * self._batch)), limit)


def _tokens(row: Row, path: tuple[str, ...], text: str) -> int:
    return estimate_tokens(as_text(row_value(row.values, path, reference="")) if path else text)
