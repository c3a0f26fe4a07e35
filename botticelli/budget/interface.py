"""Defines the data types of the Budget: windows, scopes, amounts, tickets, draws and refusals. Stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from botticelli.budget.days import DAY_SECONDS, HOUR_MS, MONTH_SECONDS, is_zone, midnights, month_starts
from botticelli.errors import InvalidInput

Metric = Literal["requests", "tokens", "input_tokens", "output_tokens", "cost_microusd", "concurrency"]
WindowKind = Literal["sliding", "fixed", "calendar", "month", "bucket"]
CALENDAR_SECONDS: Mapping[str, int] = {"calendar": DAY_SECONDS, "month": MONTH_SECONDS}
"""Periods of the window kinds that follow the calendar of a time zone."""
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
"""When a drawn amount is charged. Until then it is held. Slots (`concurrency`) are never charged: the settle frees them."""
BLOCKED = "closed by the provider"
"""Value of `Refusal.window` when `block_until` has closed the scope."""


@dataclass(frozen=True, slots=True)
class Window:
    """Allows at most `limit` of `metric` in `period_seconds`. The kinds differ in when the period begins.

    sliding   any interval of this length
    fixed     at the first use; the next period begins with the first use after its end
    calendar  at local midnight in `zone` (IANA); the period is 86,400, and days of 23 and 25 hours are right
    month     on the first of a month in `zone`; the period is 2,678,400
    bucket    never: a full bucket holds `limit`, and refills continuously at limit / period

    For `concurrency` the limit is a number of slots, and the period only says how long they stay closed after the server
    has lost its data.
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
        """Return a name that is unique within a scope, such as `tokens/60s` or `requests/86400s fixed`.

        Usage is stored under this name, which has no limit in it: after a change of the limit the usage still counts.
        """
        period = f"{self.metric}/{self.period_seconds:.12g}s"
        return " ".join([period, *([] if self.kind == "sliding" else [self.kind]), *([self.zone] if self.zone else [])])

    @property
    def period_ms(self) -> int:
        """Return how long a charge can count at most, in ms. A month with the end of daylight saving is an hour longer."""
        return round(self.period_seconds * 1000) + (HOUR_MS if self.kind == "month" else 0)

    def boundaries(self, around_ms: int) -> tuple[int, ...] | None:
        """Return when the days or months around that time begin, in ms; None for kinds without a calendar."""
        if self.zone is None:
            return None
        return (month_starts if self.kind == "month" else midnights)(self.zone, around_ms)


@dataclass(frozen=True, slots=True)
class Scope:
    """A named set of windows that are spent from together, such as `echo/echo@small`. No windows means no limit.

    `guard_ms` lengthens each window, since requests take differently long from the grant to the provider.
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
    """Input and output tokens together."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    """Millionths of a US dollar."""
    concurrency: int = 0
    """Calls in flight at the same time, called slots."""

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
        """Return the amount of one metric."""
        amount: int = getattr(self, metric)
        return amount

    def by_metric(self) -> dict[str, int]:
        """Return the amounts that are not 0, by metric."""
        return {metric: amount for metric in METRICS if (amount := getattr(self, metric))}

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts.each(lambda metric: self.of(metric) + other.of(metric))


@dataclass(frozen=True, slots=True)
class Share:
    """The amounts that a ticket requests from one scope."""

    scope: Scope
    amounts: Amounts


def merged(shares: Sequence[Share]) -> tuple[Share, ...]:
    """Merge shares of the same scope name: amounts are added up, and the limits of the first share count."""
    if len(shares) == 1:
        return (shares[0],)
    by_name: dict[str, Share] = {}
    for share in shares:
        first = by_name.get(share.scope.name)
        by_name[share.scope.name] = Share(first.scope, first.amounts + share.amounts) if first else share
    return tuple(by_name.values())


@dataclass(frozen=True, slots=True)
class Ticket:
    """A granted reservation. Plain data, which is stored in the row of the iteration."""

    id: str
    shares: tuple[Share, ...]
    lease_until_ms: int
    """End of the lease in milliseconds since the epoch, by Redis's clock."""

    def to_json(self) -> dict[str, Any]:
        """Return the ticket as JSON values, from which `from_json` builds an equal ticket."""
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
        """Build a ticket from the values of `to_json`. Raises KeyError for other data."""
        shares = tuple(
            Share(
                Scope(s["scope"], tuple(Window(*w) for w in s["windows"]), s["guard_ms"]),
                Amounts(**{metric: s[metric] for metric in METRICS if metric in s}),
            )
            for s in data["shares"]
        )
        return cls(data["id"], shares, data["lease_until_ms"])


class SettleRequest(NamedTuple):
    """A request to settle a draw in one scope, as `Budget.settle` does. `actual` None means unknown."""

    ticket_id: str
    draw_id: str
    scope: Scope
    actual: Amounts | None


class Closing(NamedTuple):
    """Draws to settle, and tickets to release after them."""

    draws: Sequence[SettleRequest] = ()
    tickets: Sequence[Ticket] = ()


@dataclass(frozen=True, slots=True)
class PastCharge:
    """A charge from the ledger at `at_ms` (milliseconds since the epoch). Open draws count as charged."""

    scope: str
    amounts: Amounts
    at_ms: int


Reseed = Callable[[Sequence[Scope]], Sequence[PastCharge]]
"""Returns all charges to these scopes within each scope's longest window, open draws included."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why nothing was granted: the refusing window with the longest wait.

    `used` is charged, held, or reserved for earlier waiters; `requested` is not included. `retry_after_ms` is the time
    from now until the same request fits, if everything that is held stays held. It is a short wait when only holds are in
    the way, since they may end at any moment, and None when the request is larger than the window and never fits. A closed
    scope has the window `BLOCKED`.
    """

    scope: str
    window: str
    limit: int
    used: int
    requested: int
    retry_after_ms: int | None
    reopening: bool = False
    """Whether the window is full only because the server lost its charges. Set by the caller that has checked this."""

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
    """A granted draw, which permits one provider request. `drawn_at_ms` is by Redis's clock."""

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
    """The present state of one window: `used` is charged, `held` is reserved or in flight."""

    window: Window
    used: int
    held: int
    resets_after_ms: int
    """Time until the oldest charge leaves (sliding), the period ends (fixed, calendar, month) or the bucket is full
    again; 0 when nothing is charged."""

    free_after_ms: int | None = 0
    """Time until one more of the metric fits, if everything that is held stays held; None: never, as the limit is 0."""

    @property
    def remaining(self) -> int:
        return max(0, self.window.limit - self.used - self.held)


@dataclass(frozen=True, slots=True)
class Holding:
    """The amounts that one ticket holds in a scope: not drawn yet, and in flight."""

    ticket: str
    undrawn: Amounts
    in_flight: Amounts
    lease_for_ms: int


@dataclass(frozen=True, slots=True)
class Waiter:
    """A refused reservation in the queue. Its place is kept until `back_after_ms` from now, and a little longer."""

    ticket: str
    amounts: Amounts
    back_after_ms: int


@dataclass(frozen=True, slots=True)
class ScopeUsage:
    scope: str
    windows: tuple[WindowUsage, ...]
    held: Amounts
    tickets: int
    """Number of tickets that hold an amount of this scope."""
    blocked_for_ms: int = 0
    """Milliseconds for which a provider has closed this scope; 0 when it is open."""
    holders: tuple[str, ...] = field(default=())
    """Ids of those tickets, at most a hundred."""
    holdings: tuple[Holding, ...] = field(default=())
    """The amounts of each holder."""
    waiting: tuple[Waiter, ...] = field(default=())
    """The queue, in order of arrival."""
    guard_ms: int = 0
    """Milliseconds by which its sliding windows and buckets are longer than the provider's now."""
