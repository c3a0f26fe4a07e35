"""A draw is granted, Redis loses it and is told of the past, and only then is the draw in the ledger: it counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from botticelli.budget import Amounts, Budget, Draw, DrawRequest, Refusal, Scope
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start

MakeRuntime = Callable[..., Runtime]


class Forgetful:
    """The runtime's budget; `forget` happens right after the first draw that it grants."""

    def __init__(self, budget: Budget, forget: Callable[[], None]) -> None:
        self._budget = budget
        self._forget: Callable[[], None] | None = forget

    def __getattr__(self, name: str) -> object:
        return getattr(self._budget, name)

    def draw_all(self, requests: Sequence[DrawRequest]) -> list[Draw | Refusal]:
        answers = self._budget.draw_all(requests)
        if self._forget and isinstance(answers[0], Draw):
            forget, self._forget = self._forget, None
            forget()
        return answers

    @property
    def has_forgotten(self) -> bool:
        return self._forget is None


def day(runtime: Runtime) -> Scope:
    return runtime.scopes.of(runtime.drivers.resolve("echo/echo"))


def limits(**limits: int) -> str:
    return json.dumps({"echo": {"default_tier": "one", "tiers": {"one": limits}}})


@pytest.mark.parametrize("data", ["none", "old"])
def test_draw_lost_before_its_ledger_row_is_drawn_again(make_runtime: MakeRuntime, data: str) -> None:
    runtime = make_runtime(providers=limits(rpd=10))
    budget, prefix = runtime.budget, runtime.settings.redis.prefix
    run = start(runtime, narrative_text(4, estimated_tokens_per_iteration=100))
    perform_open(runtime, run.id)

    def forget() -> None:
        if data == "none":
            runtime.redis.delete(*runtime.redis.scan_iter(f"{{{prefix}}}:budget:*"))
        else:
            runtime.redis.set(f"{{{prefix}}}:budget:server", "another")
            runtime.budget.close()
        assert [window.used for window in budget.usage(day(runtime)).windows] == [1]

    forgetful = runtime.__dict__["budget"] = Forgetful(budget, forget)
    assert perform_all(runtime, run.id).succeeded == 4
    assert forgetful.has_forgotten
    assert [window.used for window in budget.usage(day(runtime)).windows] == [4]
    with runtime.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["requests"] == 4


def test_draw_without_room_is_not_made(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(providers=limits(rpm=10))
    budget = runtime.budget
    run = start(runtime, narrative_text(2, estimated_tokens_per_iteration=100))
    perform_open(runtime, run.id)

    def forget() -> None:
        runtime.redis.delete(*runtime.redis.scan_iter(f"{{{runtime.settings.redis.prefix}}}:budget:*"))

    runtime.__dict__["budget"] = Forgetful(budget, forget)
    perform_open(runtime, run.id)
    after = run_of(runtime, run.id)
    assert (after.status, after.succeeded) == ("waiting", 1)
    assert "10 of 10 used in requests/60s" in (after.reason or "")
    with runtime.store.transaction() as tx:
        rows = tx.ledger.of_run(run.id)
    assert [row["outcome"] for row in rows] == ["settled", "refused"]
    usage = budget.usage(day(runtime))
    assert (usage.held, usage.tickets) == (Amounts(), 0)
