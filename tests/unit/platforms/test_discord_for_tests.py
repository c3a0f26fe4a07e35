"""The limits of the Discord for tests, by a clock that the test moves."""

from __future__ import annotations

from botticelli.testing.discord import FakeDiscord


def test_a_limit_begins_with_the_first_request_and_is_whole_again_at_its_end() -> None:
    times = iter((0.0, 9.0, 9.5, 10.0, 10.5, 11.0))
    fake = FakeDiscord(limits={"^GET ": (2, 10.0)}, clock=lambda: next(times))
    assert fake.rate("POST /channels/1/messages") == ({}, None)
    seen = []
    for _ in range(6):
        headers, wait = fake.rate("GET /channels/1")
        seen.append((headers["X-RateLimit-Remaining"], headers["X-RateLimit-Reset-After"], wait))
    assert seen[:3] == [("1", "10.000", None), ("0", "1.000", None), ("0", "0.500", 0.5)]
    assert seen[3:] == [("1", "10.000", None), ("0", "9.500", None), ("0", "9.000", 9.0)]


def test_all_answers_of_one_period_name_the_same_end() -> None:
    fake = FakeDiscord(limits={"^GET ": (5, 10.0)})
    ends = {fake.rate("GET /channels/1")[0]["X-RateLimit-Reset"] for _ in range(5)}
    assert len(ends) == 1
