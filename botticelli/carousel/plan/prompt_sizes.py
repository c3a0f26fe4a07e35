"""Estimates the sizes of prompts at run time: quoted answers, history, rows. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from botticelli.carousel.plan.estimates import FEWEST_SAMPLES, expected_answer_tokens, literal_tokens, turns
from botticelli.carousel.plan.table_sizes import TableSizes
from botticelli.narrative import visible
from botticelli.narrative.model import Act, BotCommandInput, Narrative, Reference, TableInput, share_performance
from botticelli.store import PastCalls


@dataclass(frozen=True, slots=True)
class Size:
    """A number of tokens: at least, expected, at most. `unknown` says which part can't be known in advance."""

    low: int = 0
    expected: int = 0
    worst: int = 0
    unknown: frozenset[str] = frozenset()

    def __add__(self, other: Size) -> Size:
        figures = (self.low + other.low, self.expected + other.expected, self.worst + other.worst)
        return Size(*figures, self.unknown | other.unknown)

    def times(self, count: int) -> Size:
        return Size(self.low * count, self.expected * count, self.worst * count, self.unknown)


NOTHING = Size()


@dataclass(slots=True)
class Prompts:
    """Computes the sizes of prompts and answers. `tables` is what table inputs bring, `past` the sizes of past calls."""

    narrative: Narrative
    tables: TableSizes
    past: Mapping[int, PastCalls]
    rows: Mapping[int, Size] = field(default_factory=dict)
    """Size of the text that the rows of an iteration bring into the prompt of each act."""
    _prompts: dict[int, Size] = field(default_factory=dict)

    def prompt(self, position: int) -> Size:
        """Return the size of everything that one call of the act sends."""
        return self.said(position) + self._history(position)

    def answer(self, position: int) -> Size:
        """Return the size of one call: its past size, else the largest possible one."""
        act, past = self.narrative.acts[position], self.past.get(position, PastCalls(0))
        most = expected_answer_tokens(self.narrative, act)
        if past.samples < FEWEST_SAMPLES or not past.output_tokens:
            return Size(0, most, most)
        low, expected, worst = past.output_tokens
        return Size(low, expected, max(worst, most))

    def said(self, position: int) -> Size:
        """Return the size of the act's own prompt, without history: text, quoted answers, rows, results of commands."""
        if position not in self._prompts:
            act = self.narrative.acts[position]
            sizes = [self._quoted(position, reference) for reference in self._references(act)]
            text = literal_tokens(act, self.narrative)
            sizes += [Size(text, text, text), self._rows(position), self.rows.get(position, NOTHING)]
            sizes += [_unknown(act, input_.command) for input_ in act.inputs if isinstance(input_, BotCommandInput)]
            self._prompts[position] = sum(sizes, NOTHING)
        return self._prompts[position]

    def _rows(self, position: int) -> Size:
        """Return the size of rows. The provider's count may be half of the local estimate."""
        act = self.narrative.acts[position]
        if not any(isinstance(input_, TableInput) for input_ in act.inputs):
            return NOTHING
        rows = self.tables.get(position)
        return _unknown(act, "the rows of its table") if rows is None else Size(rows // 2, rows, rows)

    def _references(self, act: Act) -> Iterable[Reference]:
        texts = [input_.content for input_ in act.inputs if input_.type == "text"]
        texts += [system for system in (self.narrative.system_for(act),) if system]
        return [reference for text in texts for reference in text.references]

    def _quoted(self, position: int, reference: Reference) -> Size:
        """Return the size of a quoted answer of an earlier act, or of a part of it."""
        earlier = self._meant(position, reference)
        if earlier is None:
            return NOTHING
        quoted = self._brings(earlier)
        return Size(0, quoted.expected, quoted.worst, quoted.unknown)

    def _meant(self, position: int, reference: Reference) -> int | None:
        acts, before = self.narrative.acts, [n for n in self._before(position) if self._is_beside(n, position)]
        if reference.kind == "previous":
            return max(before, default=None)
        if reference.kind != "act":
            return None
        return next((n for n in before if reference.name in (acts[n].name, acts[n].own_name)), None)

    def _brings(self, position: int) -> Size:
        """Return the size of an act's output: all its answers, or the data it fetched."""
        act = self.narrative.acts[position]
        return self.answer(position).times(turns(act)) if act.calls_model else self.said(position)

    def _history(self, position: int) -> Size:
        """Return the size of the conversation before the act."""
        act = self.narrative.acts[position]
        earlier = [n for n in self._before(position) if self._is_beside(n, position)] if act.history else []
        return sum((self._exchange(n) for n in earlier), NOTHING)

    def _exchange(self, position: int) -> Size:
        act = self.narrative.acts[position]
        if not act.calls_model:
            said = self.said(position)
            return Size(0, said.expected, said.worst, said.unknown)
        both = (self.said(position) + self.answer(position)).times(turns(act))
        may_be_skipped = self.narrative.may_skip(position)
        return Size(0 if may_be_skipped else both.low, both.expected, both.worst, both.unknown)

    def _before(self, position: int) -> Iterable[int]:
        return sorted(visible(self.narrative.acts)[position])

    def _is_beside(self, earlier: int, position: int) -> bool:
        return share_performance(self.narrative.acts[earlier], self.narrative.acts[position])


def _unknown(act: Act, what: str) -> Size:
    return Size(unknown=frozenset((f"{act.name}: what {what} bring{'' if what.startswith('the rows') else 's'}",)))
