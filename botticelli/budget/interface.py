"""The words of the Budget: windows, scopes, amounts, tickets, draws and refusals. No storage here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from botticelli.budget.days import DAY_SECONDS, HOUR_MS, MONTH_SECONDS, is_zone, midnights, month_starts
from botticelli.errors import InvalidInput

Metric = Literal["requests", "tokens", "input_tokens", "output_tokens", "cost_microusd", "concurrency"]
WindowKind = Literal["sliding", "fixed", "calendar", "month", "bucket"]
CALENDAR_SECONDS: Mapping[str, int] = {"calendar": DAY_SECONDS, "month": MONTH_SECONDS}
"""Period of the kinds that begin and end by the calendar of a zone."""
SettleOutcome = Literal["settled", "repeated"]
WarmAct = Literal["look", "use", "restart"]
METRICS: tuple[Metric, ...] = ("requests", "tokens", "input_tokens", "output_tokens", "cost_microusd", "concurrency")
CHARGED_AT: Mapping[Metric, Literal["draw", "settle", "never"]] = {
    "requests": "draw",
    "tokens": "settle",
    "input_tokens": "draw",
    "output_tokens": "settle",
    "cost_microusd": "settle",
    "concurrency": "never",
}
"""When a drawn amount is charged. It is held until then; slots (`concurrency`) are held until the settle and then free."""
BLOCKED = "closed by the provider"
"""The `window` of a refusal by a scope that `block_until` has closed."""


@dataclass(frozen=True, slots=True)
class Window:
    """One limit of a scope: at most `limit` of `metric` in `period_seconds`.

    sliding: in any interval of the period. fixed: counted from the first use on, then anew (60 s and 86,400 s in the
    founding documents). calendar: from midnight to midnight in `zone` (IANA), days of 23 and 25 hours included; the
    period is 86,400. month: from the first of a month to the next in `zone`; the period is 2,678,400. bucket: `limit`
    at once, and limit / period comes back all the time. For `concurrency` the limit is a number of slots, and the
    period only says for how long they stay closed when the server lost its data.
    """

    metric: Metric
    limit: int
    period_seconds: float
    kind: WindowKind = "sliding"
    zone: str | None = None

    def __post_init__(self) -> None:
        self._check_zone()
        if self.limit < 0 or self.period_ms < 1:
            raise InvalidInput(
                f"a window can't allow {self.limit} in {self.period_seconds:g} s",
                where=self.name,
                do="give a limit of 0 or more and a period of at least 0.001 s",
            )

    def _check_zone(self) -> None:
        period_seconds = CALENDAR_SECONDS.get(self.kind)
        if (self.zone is None) != (period_seconds is None) or self.period_seconds != (
            period_seconds or self.period_seconds
        ):
            raise InvalidInput(
                "a calendar window is a day in a time zone, a month window is a month in one, and no other has a zone",
                where=self.name,
                do='write Window(metric, limit, 86_400, "calendar", "America/Los_Angeles"), or 2_678_400 and "month"',
            )
        if self.zone is not None and not is_zone(self.zone):
            do = "give an IANA name, e.g. Europe/Rome"
            raise InvalidInput(f"{self.zone!r} is not a time zone", where=self.name, do=do)

    @property
    def name(self) -> str:
        """Name the window.

        Stable within a scope, e.g. `tokens/60s` or `requests/86400s fixed`. What is used is kept under this name, so
        that a new limit finds what the old one counted.
        """
        period = f"{self.metric}/{self.period_seconds:.12g}s"
        return " ".join([period, *([] if self.kind == "sliding" else [self.kind]), *([self.zone] if self.zone else [])])

    @property
    def period_ms(self) -> int:
        """The longest that its charges may count; a month may have an hour more than 31 days."""
        return round(self.period_seconds * 1000) + (HOUR_MS if self.kind == "month" else 0)

    def boundaries(self, around_ms: int) -> tuple[int, ...] | None:
        """When the days or months of its calendar begin around that time, in ms; None for other kinds."""
        if self.zone is None:
            return None
        return (month_starts if self.kind == "month" else midnights)(self.zone, around_ms)


@dataclass(frozen=True, slots=True)
class Scope:
    """The subject of a budget (`echo/echo@small`, `run:...`) and its limits. No windows means no limit.

    `guard_ms` lengthens every window by the spread between a grant and its arrival at the provider.
    """

    name: str
    windows: tuple[Window, ...] = ()
    guard_ms: int = 25

    def __post_init__(self) -> None:
        names = [window.name for window in self.windows]
        if len(set(names)) < len(names) or self.guard_ms < 0:
            raise InvalidInput(
                "a scope needs a guard of 0 ms or more, and one limit for each window",
                where=self.name,
                do=f"look at its windows ({', '.join(names)}) and its guard ({self.guard_ms} ms)",
            )


@dataclass(frozen=True, slots=True)
class Amounts:
    """An amount of each metric, in the order of METRICS."""

    requests: int = 0
    tokens: int = 0
    """Input and output together."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    """Millionths of a US dollar."""
    concurrency: int = 0
    """Slots: calls at the same time."""

    def __post_init__(self) -> None:
        if min(self.requests, self.tokens, self.input_tokens, self.output_tokens, self.cost_microusd) < 0 or (
            self.concurrency < 0
        ):
            below = ", ".join(f"{self.of(metric)} {metric}" for metric in METRICS if self.of(metric) < 0)
            raise InvalidInput(f"{below} can't be spent", do="give 0 or more")

    @classmethod
    def each(cls, amount: Callable[[Metric], int]) -> Amounts:
        """Build amounts by calling the function for each metric."""
        return cls(*map(amount, METRICS))

    def of(self, metric: Metric) -> int:
        """The amount of one metric."""
        amount: int = getattr(self, metric)
        return amount

    def by_metric(self) -> dict[str, int]:
        """The amounts that are not 0."""
        return {metric: amount for metric in METRICS if (amount := getattr(self, metric))}

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts.each(lambda metric: self.of(metric) + other.of(metric))


@dataclass(frozen=True, slots=True)
class Share:
    """The amounts that a ticket asks of one scope."""

    scope: Scope
    amounts: Amounts


def merged(shares: Sequence[Share]) -> tuple[Share, ...]:
    """One share for each scope name, in order of first mention: amounts added up, the first one's limits."""
    if len(shares) == 1:
        return (shares[0],)
    by_name: dict[str, Share] = {}
    for share in shares:
        first = by_name.get(share.scope.name)
        by_name[share.scope.name] = Share(first.scope, first.amounts + share.amounts) if first else share
    return tuple(by_name.values())


@dataclass(frozen=True, slots=True)
class Ticket:
    """A granted reservation. Plain data: it crosses the broker and lives in the iteration's row."""

    id: str
    shares: tuple[Share, ...]
    lease_until_ms: int
    """Redis's clock, milliseconds since the epoch."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal ticket back."""
        return {
            "id": self.id,
            "lease_until_ms": self.lease_until_ms,
            "shares": [
                {
                    "scope": share.scope.name,
                    "guard_ms": share.scope.guard_ms,
                    **{"requests": 0, "tokens": 0, **share.amounts.by_metric()},
                    "windows": [[w.metric, w.limit, w.period_seconds, w.kind, w.zone] for w in share.scope.windows],
                }
                for share in self.shares
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ticket:
        """The ticket that `to_json` described; KeyError when `data` is something else."""
        shares = tuple(
            Share(
                Scope(s["scope"], tuple(Window(*w) for w in s["windows"]), s["guard_ms"]),
                Amounts(**{metric: s[metric] for metric in METRICS if metric in s}),
            )
            for s in data["shares"]
        )
        return cls(data["id"], shares, data["lease_until_ms"])


@dataclass(frozen=True, slots=True)
class PastCharge:
    """A charge that the ledger knows: charged, or drawn and perhaps charged, at `at_ms` (milliseconds since the epoch)."""

    scope: str
    amounts: Amounts
    at_ms: int


Reseed = Callable[[Sequence[Scope]], Sequence[PastCharge]]
"""Gives every charge to these scopes that is not older than the scope's longest window, open draws included."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was granted: of all windows that refused, the one with the longest wait.

    `used` is what is charged, held, and kept for those who waited before, besides the `asked` amount.
    `retry_after_ms` is when the same request fits, counted from now, if what is held stays held; when holds alone are
    in its way, which may end at any moment, it is a short wait; None when it never fits, because it is larger than the
    window. A closed scope has the window `BLOCKED`.
    """

    scope: str
    window: str
    limit: int
    used: int
    requested: int
    retry_after_ms: int | None
    reopening: bool = False
    """The window is closed for its period because the server lost its charges; set by the caller that found this out."""

    @property
    def too_large(self) -> bool:
        return self.retry_after_ms is None

    def __str__(self) -> str:
        if self.window == BLOCKED:
            return f"{self.scope}: {BLOCKED} for another {self.retry_after_ms:,} ms"
        if self.too_large:
            return f"{self.scope}: {self.requested:,} requested, but {self.window} allows {self.limit:,} in all"
        if self.reopening:
            return (
                f"{self.scope}: Redis forgot what was spent in {self.window}, which opens in {self.retry_after_ms:,} ms"
            )
        return f"{self.scope}: {self.requested:,} requested, {self.used:,} of {self.limit:,} used in {self.window}"


@dataclass(frozen=True, slots=True)
class Draw:
    """A granted draw: one provider request is on its way. `drawn_at_ms` is Redis's clock."""

    id: str
    scope: str
    amounts: Amounts
    drawn_at_ms: int


class DrawRequest(NamedTuple):
    """The arguments of one `draw`."""

    ticket_id: str
    draw_id: str
    scope: Scope
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of a settle: `settled` the first time, `repeated` (and nothing changed) afterwards."""

    outcome: SettleOutcome
    settled_at_ms: int


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """One window as it stands now: `used` was charged in it, `held` is reserved or in flight."""

    window: Window
    used: int
    held: int
    resets_after_ms: int
    """When the oldest charge leaves (sliding), the window ends (fixed, calendar) or everything has come back (bucket);
    0 when nothing is charged."""

    free_after_ms: int | None = 0
    """When the next one of the metric fits, if what is held stays; None: never (the limit is 0)."""

    @property
    def remaining(self) -> int:
        return max(0, self.window.limit - self.used - self.held)


@dataclass(frozen=True, slots=True)
class Holding:
    """The amounts of one ticket in a scope: not drawn yet, and in flight."""

    ticket: str
    undrawn: Amounts
    in_flight: Amounts
    lease_for_ms: int


@dataclass(frozen=True, slots=True)
class Waiter:
    """A refused reservation whose place in the queue is kept until it comes back in `back_after_ms`, and a bit longer."""

    ticket: str
    amounts: Amounts
    back_after_ms: int


@dataclass(frozen=True, slots=True)
class ScopeUsage:
    scope: str
    windows: tuple[WindowUsage, ...]
    held: Amounts
    tickets: int
    """Tickets that hold something of this scope."""
    blocked_for_ms: int = 0
    """Milliseconds for which a provider has closed this scope; 0 when it is open."""
    holders: tuple[str, ...] = field(default=())
    """Ids of those tickets, at most a hundred."""
    holdings: tuple[Holding, ...] = field(default=())
    """The amounts that the holders hold together."""
    waiting: tuple[Waiter, ...] = field(default=())
    """The queue, in order of arrival."""
    guard_ms: int = 0
    """Milliseconds by which its windows are longer than the provider's now; fixed and calendar ones keep the scope's guard."""
