"""Mechanisms of the Budget, each switched off."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

LUA = "botticelli/budget/redis/lua/"
SCRIPTS = ("tests/integration/budget/test_budget_conformance.py", "-k", "TestRedisBudget")
QUEUE = (*SCRIPTS[:2], "TestRedisBudget and (later_request or order_of_arrival)")
LOSSES = ("tests/integration/budget/test_budget_conformance.py", "-k", "TestRedisThatLosesItsData")
SERVERS = ("tests/integration/budget/test_budget_server_lost.py",)
LOSS_MACHINE = ("tests/integration/budget/test_budget_loss_machine.py",)
FORGOTTEN = ("tests/integration/carousel/recovery/test_forgotten_draws.py",)

BUDGET = (
    Mutant(
        "a draw settles once",
        LUA + "settle.lua",
        "hold.draws[ARGV[4]] = nil",
        "",
        (*SCRIPTS[:2], "TestRedisBudget and draw_settles_once"),
    ),
    Mutant(
        "a settle gives back only where it was charged",
        LUA + "lib_sliding.lua",
        "    if not last then return end\n    write_bucket(scope, w, mark, charged - amount, last)",
        "    if last then write_bucket(scope, w, mark, charged - amount, last) end",
        SCRIPTS,
    ),
    Mutant(
        "what was used beyond the estimate is charged",
        LUA + "settle.lua",
        "charge(scope, more, 'draw')",
        "",
        SCRIPTS,
    ),
    Mutant(
        "what is held counts",
        LUA + "lib_grants.lua",
        "if used + held + amount > w.limit or delays_others(scope, w, held, amount, ahead) then",
        "if used + amount > w.limit or delays_others(scope, w, 0, amount, ahead) then",
        SCRIPTS,
    ),
    Mutant("all scopes or none", LUA + "reserve.lua", "if worst then", "if worst and #scopes == 1 then", SCRIPTS),
    Mutant(
        "the same ticket holds once",
        LUA + "reserve.lua",
        "redis.call('HEXISTS', scope.holds, ticket) == 0",
        "true",
        SCRIPTS,
    ),
    Mutant(
        "whoever came first is served first",
        LUA + "lib_queue.lua",
        "(place_of(scope, ticket) or #scope.state.waiting + 1) - 1",
        "0",
        SCRIPTS,
    ),
    Mutant(
        "nobody who waits is delayed by who came later",
        LUA + "lib_queue.lua",
        "+ amount > w.limit then return true end",
        "+ amount > w.limit then return false end",
        QUEUE,
    ),
    Mutant(
        "nobody but the first is delayed either",
        LUA + "lib_queue.lua",
        "  for n = 1, ahead do\n    local at",
        "  for n = 1, math.min(1, ahead) do\n    local at",
        QUEUE,
    ),
    Mutant(
        "who waits counts when the turn of another comes",
        LUA + "lib_queue.lua",
        "if waiting[n].at <= at then kept",
        "if waiting[n].at == at then kept",
        QUEUE,
    ),
    Mutant(
        "who stays away loses the place",
        LUA + "lib_queue.lua",
        "if waiting[n].until_ms <= scope.now then",
        "if false then",
        SCRIPTS,
    ),
    Mutant(
        "a lease runs out",
        LUA + "lib_holds.lua",
        "if scope.next_lease == 0 or scope.next_lease > scope.now then return false end",
        "if true then return false end",
        SCRIPTS,
    ),
    Mutant("a block closes the scope", LUA + "lib_grants.lua", "if rest_ms > 0 then", "if false then", SCRIPTS),
    Mutant(
        "a block is never shortened",
        LUA + "block.lua",
        "math.max(scope.state.blocked, now + block_ms)",
        "now + block_ms",
        SCRIPTS,
    ),
    Mutant(
        "the guard lengthens a window",
        LUA + "lib_windows.lua",
        "span_ms = period_ms + guard_ms",
        "span_ms = period_ms",
        SCRIPTS,
    ),
    Mutant(
        "a bucket leaves after its last charge",
        LUA + "lib_sliding.lua",
        "n, read_bucket(scope, w, n) + amount, scope.now)",
        "n, read_bucket(scope, w, n) + amount, n * ring.width_ms(w))",
        SCRIPTS,
    ),
    Mutant(
        "time never goes back",
        LUA + "lib_scopes.lua",
        "now = math.max(now, scopes[number].now)",
        "now = now",
        SCRIPTS,
    ),
    Mutant(
        "a scope of another epoch is begun anew",
        LUA + "lib_gate.lua",
        "if added or scope.epoch ~= epoch then",
        "if added and scope.epoch ~= epoch then",
        LOSSES,
    ),
    Mutant("a new window is begun", LUA + "lib_gate.lua", "if added or scope", "if scope", LOSSES),
    Mutant(
        "short windows are closed after a loss",
        LUA + "seed.lua",
        "(closed and w.period_ms < request.long_ms)",
        "false",
        LOSSES,
    ),
    Mutant(
        "a scope is begun once in an epoch",
        LUA + "seed.lua",
        "if scope.epoch ~= request.epoch then forget(scope) end",
        "forget(scope)",
        LOSSES,
    ),
    Mutant(
        "another server is a lost server",
        LUA + "server.lua",
        "if epoch and opened_by == ARGV[1] then",
        "if epoch then",
        SERVERS,
    ),
    Mutant(
        "another server is a lost server: in memory",
        LUA + "server.lua",
        "if epoch and opened_by == ARGV[1] then",
        "if epoch then",
        LOSS_MACHINE,
    ),
    Mutant(
        "a draw that is refused anew is let go once",
        LUA + "draw.lua",
        "  write_hold(scope, ticket, hold)",
        "",
        ("tests/unit/budget/test_budget_redis.py",),
    ),
    Mutant(
        "a draw of another epoch is drawn anew",
        LUA + "draw.lua",
        "if open and open.epoch ~= epoch then",
        "if false then",
        FORGOTTEN,
    ),
    Mutant(
        "a draw is confirmed once the ledger knows it",
        "botticelli/spending/account.py",
        "    repeated = budget.draw_all("
        "[request.draws.of(request.draw_id, request.amounts, -1) for request, _ in drawn])",
        "    return [draw for _, draw in drawn]\n    repeated = []",
        FORGOTTEN,
    ),
    Mutant(
        "the short way holds the amounts of all tickets",
        "botticelli/budget/redis/lua/lib_quick.lua",
        "amount * tickets",
        "amount",
        ("tests/unit/budget/test_budget_short_way.py",),
    ),
    Mutant(
        "several tickets are granted as far as they fit",
        "botticelli/budget/redis/lua/reserve.lua",
        "  if worst and granted > 0 then break end\n",
        "",
        ("tests/integration/budget/test_budget_conformance.py", "-k", "several"),
    ),
    Mutant(
        "a script that the server has lost repeats no call before it",
        "botticelli/budget/redis/checked_connections.py",
        "replies[missing:] = self._replies(calls[missing:])",
        "replies = self._replies(calls)",
        ("tests/integration/budget/test_budget_on_valkey.py", "-k", "beside_a_lost_script"),
    ),
)
