"""Implements the Budget on Redis 6.2+ or Valkey, one round trip for each method. The rules are in `lua/`.

Connection errors are those of redis-py. All methods except `charge` can be repeated safely.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from botticelli.budget.days import HOUR_MS
from botticelli.budget.interface import (
    BLOCKED,
    METRICS,
    Amounts,
    Closing,
    Draw,
    DrawRequest,
    Holding,
    Refusal,
    Reseed,
    Scope,
    ScopeUsage,
    Settlement,
    SettleRequest,
    Share,
    Ticket,
    Waiter,
    WarmAct,
    Window,
    WindowUsage,
    merged,
)
from botticelli.budget.redis import scripts
from botticelli.budget.redis.checked_connections import Connections, DataId, Lasting, Prepared
from botticelli.budget.redis.rebuild import seed_request
from botticelli.errors import ServiceUnavailable

if TYPE_CHECKING:
    from redis import Redis

DEFAULT_LEASE_SECONDS = 300.0
TRIES = 10
LOST, WHICH_DAY, NO_EPOCH = -1, -2, -3
"""Replies of `lua/lib_gate.lua`, which precedes every script: the client has to send something first."""
NOTHING = Amounts()


class Call(NamedTuple):
    """A call of a script. Keys and arguments are those of `lua/lib_call.lua`."""

    script: str
    shares: Sequence[Share]
    arguments: Sequence[str | int]


class RedisBudget:
    """A `Budget` shared by every process that uses the same server and prefix.

    reseed         returns past charges of scopes that the server does not know: new scopes, and all scopes of a new server
                   or one that lost its data. None: nobody knows them, so every window starts full. `nothing_charged`: for
                   tests and budgets that may be forgotten.
    lease_seconds  the new lease of a ticket that draws after its lease has expired
    clock_ms       a clock for tests, in place of the server's
    data_id        returns an id that the server shares with its predecessors whose data it has in full; None: unknown

    The Budget has connections of its own, made with the options of `client`; `close` closes them.
    """

    def __init__(
        self,
        client: Redis,
        prefix: str = "botticelli",
        *,
        reseed: Reseed | None,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
        clock_ms: Callable[[], int] | None = None,
        data_id: DataId | None = None,
    ) -> None:
        self._prefix = prefix
        self._epoch_key = f"{{{prefix}}}:budget:epoch"
        keys = (self._epoch_key, f"{{{prefix}}}:budget:server")
        self._connections = Connections(client, keys, data_id, clock_ms)
        self._scripts = scripts.registered(self._connections.client)
        self._reseed = reseed
        self._server_ahead_ms = 0
        self._lease_ms = round(lease_seconds * 1000)
        self._clock_ms = clock_ms

    def reserve(self, ticket_id: str, shares: Sequence[Share], lease_seconds: float) -> Ticket | Refusal:
        answer = self.reserve_all((ticket_id,), shares, lease_seconds)
        return answer if isinstance(answer, Refusal) else answer[0]

    def reserve_all(
        self, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> list[Ticket] | Refusal:
        return self.close_and_reserve(Closing(), ticket_ids, shares, lease_seconds)[1]

    def close_all(self, closing: Closing) -> list[Settlement]:
        return _settlements(closing, self._call_together(_closing(closing)))

    def close_and_reserve(
        self, closing: Closing, ticket_ids: Sequence[str], shares: Sequence[Share], lease_seconds: float
    ) -> tuple[list[Settlement], list[Ticket] | Refusal]:
        shares = merged(shares)
        reservation = Call("reserve", shares, (round(lease_seconds * 1000), *ticket_ids))
        *replies, reply = self._call_together([*_closing(closing), reservation])
        settlements = _settlements(closing, replies)
        if not reply[0]:
            return settlements, _refusal(shares, reply)
        return settlements, [Ticket(ticket_id, shares, reply[1]) for ticket_id in ticket_ids[: reply[0]]]

    def draw(self, ticket_id: str, draw_id: str, scope: Scope, amounts: Amounts) -> Draw | Refusal:
        shares = (Share(scope, amounts),)
        return _drawn(draw_id, shares, self._call("draw", shares, ticket_id, draw_id, self._lease_ms))

    def draw_all(self, draw_requests: Sequence[DrawRequest]) -> list[Draw | Refusal]:
        calls = [
            Call("draw", (Share(scope, amounts),), (ticket_id, draw_id, self._lease_ms))
            for ticket_id, draw_id, scope, amounts in draw_requests
        ]
        replies = self._call_together(calls)
        return [
            _drawn(request.draw_id, call.shares, reply)
            for request, call, reply in zip(draw_requests, calls, replies, strict=True)
        ]

    def settle(self, ticket_id: str, draw_id: str, scope: Scope, actual: Amounts | None) -> Settlement:
        call = _settling(SettleRequest(ticket_id, draw_id, scope, actual))
        return _settlement(self._call(call.script, call.shares, *call.arguments))

    def release(self, ticket_id: str, scopes: Sequence[Scope]) -> None:
        self._call("release", _named(scopes), ticket_id)

    def release_all(self, tickets: Sequence[Ticket]) -> None:
        self._call_together(_of_tickets("release", tickets))

    def renew(self, ticket_id: str, scopes: Sequence[Scope], lease_seconds: float) -> bool:
        return bool(self._call("renew", _named(scopes), ticket_id, round(lease_seconds * 1000)))

    def renew_all(self, tickets: Sequence[Ticket], lease_seconds: float) -> None:
        self._call_together(_of_tickets("renew", tickets, round(lease_seconds * 1000)))

    def charge(self, scope: Scope, amounts: Amounts) -> Refusal | None:
        shares = (Share(scope, amounts),)
        reply = self._call("charge", shares)
        return None if reply[0] else _refusal(shares, reply)

    def reopening(self, scope: Scope, window: str) -> bool:
        usage = _keys(self._prefix, (scope,))[0]
        reopens_ms = self._connections.client.hget(usage.encode(), f"reopens {window}")
        if reopens_ms is None:
            return False
        seconds, microseconds = self._connections.client.time()
        now_ms = self._clock_ms() if self._clock_ms else seconds * 1000 + microseconds // 1000
        return now_ms < int(reopens_ms)

    def block_until(self, scope: Scope, wait_ms: int) -> None:
        self._call("block", _named([scope]), wait_ms)

    def widen(self, scope: Scope, spread_ms: int, keep_ms: int) -> int:
        reply: int = self._call("widen", _named([scope]), spread_ms, keep_ms)
        return reply

    def warm_ms(self, scope: Scope, idle_ms: int, act: WarmAct) -> int:
        reply: int = self._call("warm", _named([scope]), idle_ms, act)
        return reply

    def usage(self, scope: Scope) -> ScopeUsage:
        blocked, amounts, tickets, windows, holders, waiting, now, guard_ms = self._call("usage", _named([scope]))
        held = Amounts(*amounts)
        holdings = tuple(_holding(holders[n : n + 3], now) for n in range(0, len(holders), 3))
        return ScopeUsage(
            scope.name,
            tuple(
                WindowUsage(window, used, held.of(window.metric), resets_after_ms, None if free < 0 else free)
                for window, used, resets_after_ms, free in zip(
                    scope.windows, windows[::3], windows[1::3], windows[2::3], strict=True
                )
            ),
            held,
            tickets,
            blocked,
            tuple(holding.ticket for holding in holdings),
            holdings,
            tuple(Waiter(w["ticket"], Amounts(*w["amounts"]), w["at"] - now) for w in json.loads(waiting) or ()),
            guard_ms,
        )

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        self._connections.client.close()

    def _call(self, script: str, shares: Sequence[Share], *arguments: str | int) -> Any:
        """Run a script: one round trip, unless the server first needs past charges, the calendar or an epoch."""
        for _ in range(TRIES):
            reply = self._run(script, shares, arguments)
            if not isinstance(reply, list) or reply[0] >= 0:
                return reply
            if reply[0] == NO_EPOCH:
                self._connections.open_epoch()
            elif reply[0] == LOST:
                self._seed(_text(reply[1]), [shares[number - 1].scope for number in reply[2:]])
            elif reply[0] == WHICH_DAY:
                self._server_ahead_ms = reply[1] - self._local_ms()
        raise ServiceUnavailable(
            f"Redis forgot what was used {TRIES} times in a row",
            where=f"prefix {self._prefix!r}",
            do="look for what empties it, and for an eviction policy other than noeviction",
        )

    def _call_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in order, in one round trip; one by one from the first for which the server needs something."""
        replies = self._send([(call.script, self._prepared(call.shares, call.arguments)) for call in calls])
        for number, reply in enumerate(replies):
            if isinstance(reply, list) and reply[0] < 0:
                return [*replies[:number], *(self._call(c.script, c.shares, *c.arguments) for c in calls[number:])]
        return replies

    def _seed(self, epoch: str, scopes: Sequence[Scope]) -> None:
        request = json.dumps(seed_request(epoch, scopes, self._reseed))
        self._run(scripts.SEED, [Share(scope, NOTHING) for scope in scopes], (request,))

    def _run(self, script: str, shares: Sequence[Share], arguments: Sequence[str | int]) -> Any:
        [reply] = self._send([(script, self._prepared(shares, arguments))])
        return reply

    def _send(self, calls: Sequence[tuple[str, Prepared]]) -> list[Any]:
        return self._connections.run_all([(self._scripts[script], call) for script, call in calls])

    def _prepared(self, shares: Sequence[Share], arguments: Sequence[str | int]) -> Prepared:
        scopes = tuple([share.scope for share in shares])
        sizes = [_packed(share.amounts) for share in shares]
        if self._clock_ms is not None:
            sizes.append(str(self._clock_ms()))
        lasting = _lasting(self._prefix, scopes, (self._local_ms() + self._server_ahead_ms) // HOUR_MS)
        return lasting, [f"[{','.join(sizes)}]", *arguments]

    def _local_ms(self) -> int:
        return time.time_ns() // 1_000_000


def _settling(request: SettleRequest) -> Call:
    ticket_id, draw_id, scope, actual = request
    return Call("settle", (Share(scope, actual or NOTHING),), (ticket_id, draw_id, int(actual is not None)))


def _settlement(reply: Sequence[int]) -> Settlement:
    return Settlement("settled" if reply[0] else "repeated", reply[1])


def _closing(closing: Closing) -> list[Call]:
    return [*map(_settling, closing.draws), *_of_tickets("release", closing.tickets)]


def _settlements(closing: Closing, replies: Sequence[Any]) -> list[Settlement]:
    return [_settlement(reply) for reply in replies[: len(closing.draws)]]


def _of_tickets(script: str, tickets: Sequence[Ticket], *arguments: int) -> list[Call]:
    """Return a call for each ticket, in all of its scopes."""
    return [Call(script, _named([share.scope for share in t.shares]), (t.id, *arguments)) for t in tickets]


def _named(scopes: Sequence[Scope]) -> tuple[Share, ...]:
    return merged([Share(scope, NOTHING) for scope in scopes])


@lru_cache(maxsize=1024)
def _lasting(prefix: str, scopes: tuple[Scope, ...], hour: int) -> Lasting:
    return Lasting.of(_keys(prefix, scopes), _limits(scopes, hour))


def _keys(prefix: str, scopes: tuple[Scope, ...]) -> tuple[str, ...]:
    """Return three keys for each scope, and the epoch key. The braces put all keys of a prefix into one hash slot."""
    root = f"{{{prefix}}}:budget"
    kinds = ("usage", "holds", "leases")
    return (*(f"{root}:{kind}:{scope.name}" for scope in scopes for kind in kinds), f"{root}:epoch")


def _limits(scopes: tuple[Scope, ...], hour: int) -> str:
    """Return the limits as the scripts read them, after a digest for each scope."""
    limits = [json.dumps([scope.guard_ms, *(_limit(window, hour) for window in scope.windows)]) for scope in scopes]
    digests = [blake2b(limit.encode(), digest_size=8).hexdigest() for limit in limits]
    return f"{''.join(digests)}[{','.join(limits)}]"


def _limit(window: Window, hour: int) -> list[Any]:
    boundaries = window.boundaries(hour * HOUR_MS)
    spec = [window.name, METRICS.index(window.metric) + 1, window.limit, window.period_ms, window.kind]
    return [*spec, boundaries] if boundaries else spec


def _packed(amounts: Amounts) -> str:
    """Return all amounts as a JSON list in the order of METRICS."""
    a = amounts
    return f"[{a.requests},{a.tokens},{a.input_tokens},{a.output_tokens},{a.cost_microusd},{a.concurrency}]"


def _text(reply: bytes | str) -> str:
    return reply.decode() if isinstance(reply, bytes) else reply


def _holding(reply: Sequence[Any], now: int) -> Holding:
    """Build a holding from the reply of `lua/usage.lua`."""
    ticket, deadline, packed = reply
    undrawn, draws = json.loads(packed)
    in_flight = sum((Amounts(*draw["amounts"]) for draw in draws.values()), NOTHING)
    return Holding(_text(ticket), Amounts(*undrawn), in_flight, deadline - now)


def _drawn(draw_id: str, shares: Sequence[Share], reply: Sequence[int]) -> Draw | Refusal:
    if not reply[0]:
        return _refusal(shares, reply)
    _, drawn_at_ms, *drawn = reply
    return Draw(draw_id, shares[0].scope.name, Amounts(*drawn), drawn_at_ms)


def _refusal(shares: Sequence[Share], reply: Sequence[int]) -> Refusal:
    """Build a refusal from the reply of a script, in which numbers count from 1."""
    _, number, window_number, used, requested, wait_ms = reply
    scope = shares[number - 1].scope
    if window_number == 0:
        return Refusal(scope.name, BLOCKED, 0, used, requested, wait_ms)
    window = scope.windows[window_number - 1]
    return Refusal(scope.name, window.name, window.limit, used, requested, None if wait_ms < 0 else wait_ms)
