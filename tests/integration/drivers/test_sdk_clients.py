"""The clients of the three SDKs: keys, forks, timeouts, interruptions, and what they are asked to count."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from botticelli.drivers import Drivers, media_refusal
from botticelli.drivers.anthropic import AnthropicDriver
from botticelli.drivers.gemini import GeminiDriver
from botticelli.drivers.openai import CompatibleDriver
from botticelli.errors import DriverTerminal, SettingsError
from botticelli.testing.providers import FakeProvider
from tests.support.servers.sdks import ALL, CANARY, DRIVERS, MODELS, driver_for, request
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("keys", "closed")


@ALL
def test_without_a_key(wire: Any, server: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DRIVERS[wire].key_names[0])
    with pytest.raises(DriverTerminal, match=r"set .*_API_KEY"):
        DRIVERS[wire]().generate(request(wire))
    assert driver_for(server).generate(request(wire)).text
    monkeypatch.setenv("MY_OWN_KEY", "other")
    driver_for(server, api_key_env="MY_OWN_KEY").generate(request(wire))
    assert "other" in str(server.received[-1].headers) and CANARY not in str(server.received)
    with pytest.raises(SettingsError, match="api_key_env"):
        DRIVERS[wire]({"api_key": CANARY})


def test_a_client_is_made_anew_after_a_fork_and_kept_within_a_process() -> None:
    with FakeProvider("openai") as server:
        driver = driver_for(server)
        driver.generate(request("openai"))
        mine = driver._client()
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                fresh = driver._client() is not mine
                failed = 0 if fresh and driver.generate(request("openai")).text else 1
            finally:
                os._exit(failed)
        assert os.waitpid(child, 0)[1] == 0
        assert driver._client() is mine


def test_bare_names_find_their_driver_and_servers_of_ones_own_have_theirs() -> None:
    drivers = Drivers({})
    assert [str(drivers.resolve(name)) for name in MODELS.values()] == [f"{k}/{v}" for k, v in MODELS.items()]
    assert CompatibleDriver().readiness().base_url == "http://127.0.0.1:11434/v1"
    assert not any(CompatibleDriver().claims(name) for name in MODELS.values())


def test_media_that_a_provider_does_not_take_are_refused_by_name() -> None:
    assert media_refusal(AnthropicDriver(), "claude-x", "image", by_url=True) is None
    assert "takes no audio" in (media_refusal(AnthropicDriver(), "claude-x", "audio", by_url=False) or "")
    assert "doesn't fetch" in (media_refusal(GeminiDriver(), "gemini-x", "image", by_url=True) or "")


def test_counting_is_the_provider_s_own_where_it_is_asked_for() -> None:
    for wire, count in (("gemini", 10), ("anthropic", 10), ("openai", None)):
        with FakeProvider(wire) as server:  # type: ignore[arg-type]
            whole_request = request(wire, "four" * 10)
            assert driver_for(server).count_tokens(whole_request) is None
            assert driver_for(server, estimate="count").count_tokens(whole_request) == count


@pytest.mark.parametrize("wire", ["gemini", "anthropic"])
@pytest.mark.parametrize("fault", ["404", "429:90"])
def test_counting_that_fails_is_left_alone_for_a_while(
    wire: Any, fault: str, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused count is a request as well, and would come before every call."""
    driver, started, passed_seconds = driver_for(server, estimate="count"), time.monotonic(), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: started + passed_seconds)
    server.count_fault = fault
    assert [driver.count_tokens(request(wire)) for _ in range(3)] == [None] * 3
    assert driver.generate(request(wire)).text
    server.count_fault, passed_seconds = "", 61.0
    again = driver.count_tokens(request(wire))
    assert (again is None) == (fault == "429:90")
    passed_seconds = 91.0
    assert driver.count_tokens(request(wire)) == 3
    counts = [exchange.status for exchange in server.received if exchange.word == "count"]
    assert counts == ([429, 200] if fault == "429:90" else [404, 200, 200])


@ALL
def test_celerys_soft_time_limit_goes_through_the_sdk(wire: Any, server: FakeProvider) -> None:
    """It comes as a signal in the middle of the SDK's code, which may take it for a lost connection."""

    def end(*_: Any) -> None:
        raise SoftTimeLimitExceeded(2)

    driver = driver_for(server)
    driver.generate(request(wire))
    server.play("slow:30")
    before = signal.signal(signal.SIGUSR1, end)
    sent = threading.Thread(target=lambda: (wait_until(lambda: len(server.received) == 2, "the call"), interrupt()))
    try:
        sent.start()
        with pytest.raises(SoftTimeLimitExceeded):
            driver.generate(request(wire))
    finally:
        sent.join()
        signal.signal(signal.SIGUSR1, before)
    assert len(server.received) == 2


def interrupt() -> None:
    """The thread that waits for the answer: a signal to the process may come to any other one, and wakes it only."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


@ALL
def test_every_client_has_finite_timeouts(wire: Any, server: FakeProvider) -> None:
    """Timeouts of its transport, and of the SDK's own settings where it has some."""
    driver = driver_for(server, timeout_seconds=70, connect_timeout_seconds=30)
    driver.prepare()
    ((_, http, _client),) = driver._clients._clients
    limits = {"connect": 30, "read": 70, "write": 70, "pool": 70}
    assert http.timeout.as_dict() == limits
    sent: list[dict[str, Any]] = []
    http.event_hooks["request"].append(lambda sent_request: sent.append(sent_request.extensions["timeout"]))
    http.event_hooks = http.event_hooks
    driver.generate(request(wire))
    assert sent == [limits]
