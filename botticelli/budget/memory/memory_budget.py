"""Implements the Budget in memory, with the answers of `RedisBudget` and any clock. For planning and tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from botticelli.budget.interface import (
    Amounts,
    Closing,
    Draw,
    DrawRequest,
    Refusal,
    Scope,
    ScopeUsage,
    Settlement,
    Share,
    Ticket,
    Waiter,
    WarmAct,
    merged,
)
from botticelli.budget.memory.memory_scope import (
    Hold,
    OpenDraw,
    ScopeState,
    holding,
    less,
    longest,
    smaller,
    wait_in_queues,
)

NOTHING = Amounts()


class MemoryBudget:
    """A `Budget` that lives as long as the object. Not thread-safe.

    `clock_ms` returns the time in milliseconds. `lease_seconds` is the new lease of a ticket that draws after its lease
    has expired.
    """

    def __init__(self, clock_ms: Callable[[], int], *, lease_seconds: float = 300.0) -> None:
        self._clock_ms = clock_ms
        self._lease_ms = round(lease_seconds * 1000)
        self._scopes: dict[str, ScopeState] = {}

    def reserve(self, ticket_id: str, shares: Sequence[Share], lease_seconds: float) -> Ticket | Refusal:
        answer = self.reserve_all((ticket_id,), shares, lease_seconds)
        return answer if isinstance(answer, Refusal) else answer[0]

    def reserve_all(
        self, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> list[Ticket] | Refusal:
        granted: list[Ticket] = []
        for ticket_id in ticket_ids:
            answer = self._reserve(ticket_id, shares, lease_seconds, keep_place=not granted)
            if isinstance(answer, Refusal):
                return granted or answer
            granted.append(answer)
        return granted

    def close_all(self, closing: Closing) -> list[Settlement]:
        settlements = [self.settle(*request) for request in closing.draws]
        self.release_all(closing.tickets)
        return settlements

    def close_and_reserve(
        self, closing: Closing, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> tuple[list[Settlement], list[Ticket] | Refusal]:
        return self.close_all(closing), self.reserve_all(ticket_ids, shares, lease_seconds)

    def _reserve(
        self, ticket_id: str, shares: Sequence[Share], lease_seconds: float, *, keep_place: bool
    ) -> Ticket | Refusal:
        shares = merged(shares)
        states, now = self._open([share.scope for share in shares])
        requested = [(state, share.amounts) for state, share in zip(states, shares, strict=True)]
        fresh = [(state, amounts) for state, amounts in requested if ticket_id not in state.holds]
        refusal = longest(
            [r for state, amounts in fresh for r in state.refusals(amounts, NOTHING, state.queue.ahead_of(ticket_id))]
        )
        if refusal:
            if keep_place:
                wait_in_queues(ticket_id, requested, refusal)
            return refusal
        for state, amounts in fresh:
            state.holds[ticket_id] = Hold(amounts)
        deadline = now + round(lease_seconds * 1000)
        for state in states:
            state.leases[ticket_id] = deadline
            state.queue.leave(ticket_id)
            self._keep(state)
        return Ticket(ticket_id, shares, deadline)

    def draw(self, ticket_id: str, draw_id: str, scope: Scope, amounts: Amounts) -> Draw | Refusal:
        [state], now = self._open([scope])
        hold = state.holds.get(ticket_id, Hold())
        if draw_id in hold.draws:
            return Draw(draw_id, scope.name, hold.draws[draw_id].amounts, hold.draws[draw_id].at_ms)
        covered = smaller(hold.undrawn, amounts)
        refusal = longest(list(state.refusals(amounts, covered, [])))
        if refusal:
            return refusal
        hold.undrawn = less(hold.undrawn, covered)
        hold.draws[draw_id] = OpenDraw(amounts, now, state.charge(amounts, "draw"))
        state.holds[ticket_id] = hold
        state.leases.setdefault(ticket_id, now + self._lease_ms)
        self._keep(state)
        return Draw(draw_id, scope.name, amounts, now)

    def draw_all(self, draw_requests: Sequence[DrawRequest]) -> list[Draw | Refusal]:
        return [self.draw(*request) for request in draw_requests]

    def settle(self, ticket_id: str, draw_id: str, scope: Scope, actual: Amounts | None) -> Settlement:
        [state], now = self._open([scope])
        hold = state.holds.get(ticket_id)
        if hold is None or draw_id not in hold.draws:
            return Settlement("repeated", now)
        draw = hold.draws.pop(draw_id)
        actual = draw.amounts if actual is None else actual
        state.charge(actual, "settle")
        state.charge(less(actual, draw.amounts), "draw")
        unused = less(draw.amounts, actual)
        for window, window_state in state.states():
            if window.name in draw.marks and unused.of(window.metric):
                window_state.correct(window, now, draw.marks[window.name], unused.of(window.metric))
        return Settlement("settled", now)

    def release(self, ticket_id: str, scopes: Sequence[Scope]) -> None:
        states, _ = self._open(scopes)
        for state in states:
            state.queue.leave(ticket_id)
            if ticket_id in state.holds:
                state.close(ticket_id)

    def release_all(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self.release(ticket.id, [share.scope for share in ticket.shares])

    def renew(self, ticket_id: str, scopes: Sequence[Scope], lease_seconds: float) -> bool:
        states, now = self._open(scopes)
        held = [state for state in states if ticket_id in state.holds]
        for state in held:
            state.leases[ticket_id] = now + round(lease_seconds * 1000)
        return len(held) == len(states)

    def renew_all(self, tickets: Sequence[Ticket], lease_seconds: float) -> None:
        for ticket in tickets:
            self.renew(ticket.id, [share.scope for share in ticket.shares], lease_seconds)

    def charge(self, scope: Scope, amounts: Amounts) -> Refusal | None:
        [state], _ = self._open([scope])
        refusal = longest(list(state.refusals(amounts, NOTHING, state.queue.ahead_of(None))))
        if refusal is None:
            state.charge(amounts, "draw", "settle")
            self._keep(state)
        return refusal

    def reopening(self, scope: Scope, window: str) -> bool:
        return False

    def block_until(self, scope: Scope, wait_ms: int) -> None:
        [state], now = self._open([scope])
        state.blocked_until_ms = max(state.blocked_until_ms, now + wait_ms)
        self._keep(state)

    def widen(self, scope: Scope, spread_ms: int, keep_ms: int) -> int:
        [state], now = self._open([scope])
        if spread_ms > 0 and spread_ms >= state.spread_ms:
            state.spread = (spread_ms, now + keep_ms)
            self._keep(state)
        return state.spread_ms

    def warm_ms(self, scope: Scope, idle_ms: int, act: WarmAct) -> int:
        [state], now = self._open([scope])
        since, used_at = state.warm or (now, now)
        if used_at + idle_ms <= now or act == "restart":
            since = now
        if act != "look":
            state.warm = (since, now)
            self._keep(state)
        return now - since

    def usage(self, scope: Scope) -> ScopeUsage:
        [state], now = self._open([scope])
        while state.sweep():
            pass
        windows = tuple(state.window_usage(window, w) for window, w in state.states())
        holdings = tuple(holding(ticket, state.holds[ticket], due - now) for ticket, due in state.by_deadline()[:100])
        waiting = tuple(Waiter(ticket, p.amounts, p.at_ms - now) for ticket, p in state.queue.places.items())
        blocked_for_ms = max(0, state.blocked_until_ms - now)
        holders = tuple(held.ticket for held in holdings)
        guard_ms = max(scope.guard_ms, state.spread_ms)
        return ScopeUsage(
            scope.name, windows, state.held, len(state.leases), blocked_for_ms, holders, holdings, waiting, guard_ms
        )

    def _open(self, scopes: Sequence[Scope]) -> tuple[list[ScopeState], int]:
        """Return the states of the scopes, without duplicates, and one time for all that never goes back.

        States of new scopes are stored by `_keep`.
        """
        named = {scope.name: scope for scope in scopes}
        states = [self._scopes.get(name) or ScopeState(scope) for name, scope in named.items()]
        now = max([self._clock_ms(), *(state.now for state in states)])
        for state, scope in zip(states, named.values(), strict=True):
            state.open(scope, now)
        return states, now

    def _keep(self, state: ScopeState) -> None:
        self._scopes[state.scope.name] = state
