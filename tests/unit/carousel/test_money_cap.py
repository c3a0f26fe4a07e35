"""The cap on money, call by call: what is spent, in flight, estimated, and known of the past decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from botticelli.budget import Refusal
from botticelli.carousel.admission.money_cap import RETRY_MS, Allowed, cap_reason, decide
from botticelli.store import Entry, RunMoney
from tests.unit.carousel.test_state_machine import RUN

CAPPED = replace(RUN, max_cost_usd=Decimal("0.5"))
ENTRY = Entry("d", "r", 1, "act", 1, "scope", 100, datetime(2026, 1, 1, tzinfo=UTC), estimated_cost_usd=Decimal("0.01"))


def money(
    spent: str | None, *, calls: int = 0, in_flight: str = "0", past: tuple[str, str] | None = None, blind: int = 0
) -> RunMoney:
    usual, dearest = (None, None) if past is None else map(Decimal, past)
    return RunMoney(None if spent is None else Decimal(spent), Decimal(in_flight), calls, blind, usual, dearest)


@pytest.mark.parametrize(
    ("state", "reserved"),
    [
        (money("0"), "0.01"),
        (money("0.49"), "0.01"),
        (money("0.3", past=("0.1", "0.2")), "0.2"),
        (money("0.4", past=("0.1", "0.2")), "0.2"),
        (money("0.1", calls=2, in_flight="0.2", past=("0.1", "0.2")), "0.2"),
        (money("0.4", past=("0.001", "0.001")), "0.01"),
    ],
)
def test_call_that_fits_is_allowed_with_its_dearest_past_as_estimate(state: RunMoney, reserved: str) -> None:
    verdict = decide(CAPPED, ENTRY, state)
    assert isinstance(verdict, Allowed)
    assert verdict.entry == replace(ENTRY, estimated_cost_usd=Decimal(reserved))


@pytest.mark.parametrize(
    "state",
    [
        money("0.2", calls=1, in_flight="0.2", past=("0.1", "0.2")),
        money("0.495", calls=1, in_flight="0.001", past=("0.001", "0.001")),
        money("0", calls=1, in_flight="0.01"),
        money("0", calls=1, in_flight="0.01", past=("0.01", "0.01"), blind=1),
        money("0.6", calls=1, in_flight="0.01"),
        money(None, calls=1),
    ],
)
def test_call_waits_for_calls_in_flight(state: RunMoney) -> None:
    verdict = decide(CAPPED, ENTRY, state)
    assert isinstance(verdict, Refusal) and verdict.retry_after_ms == RETRY_MS


@pytest.mark.parametrize(
    "state",
    [money("0.4900001"), money("0.5"), money("7"), money(None), money("0.41", past=("0.1", "0.2"))],
)
def test_call_that_would_pass_the_cap_is_refused_for_good(state: RunMoney) -> None:
    verdict = decide(CAPPED, ENTRY, state)
    assert isinstance(verdict, Refusal)
    assert (verdict.scope, verdict.retry_after_ms) == ("run:r", None)


def test_reason_is_in_dollars() -> None:
    verdict = decide(CAPPED, ENTRY, money("0.41", past=("0.1", "0.2")))
    assert isinstance(verdict, Refusal)
    assert cap_reason(verdict) == "max_cost_usd: $0.41 of $0.5 is spent, and the next call may cost $0.1"
