"""A post reaches no private address, whatever its host resolves to, and returns any answer as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botticelli.errors import FetchError
from botticelli.security.safe_post import MAX_ANSWER_BYTES, post
from tests.support.servers.raw_server import RawServer, raw_server


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server() as made:
        yield made


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["169.254.169.254"]])
def test_name_that_resolves_to_a_private_address_is_refused(addresses: list[str]) -> None:
    with pytest.raises(FetchError, match=r"hooks\.test: resolves to a private address; set allow_private = true"):
        post("https://hooks.test/x", b"{}", {}, timeout_seconds=60, resolve=lambda *_: addresses)


@pytest.mark.parametrize(
    "url", ["http://hooks.test", "https://127.0.0.1", "https://localhost", "https://hooks.test:25", "ftp://hooks.test"]
)
def test_address_that_is_wrong_by_its_spelling_is_refused(url: str) -> None:
    with pytest.raises(FetchError, match="set allow_private = true"):
        post(url, b"{}", {}, timeout_seconds=60)


@pytest.mark.parametrize("status", [200, 301, 404, 503])
def test_any_status_is_an_answer_and_its_body_is_cut(server: RawServer, status: int) -> None:
    server.status, server.body, server.headers = status, "x" * 10_000, {"Retry-After": "7"}
    answer = post(server.url, b"{}", {}, timeout_seconds=60, allow_private=True)
    assert (answer.status, answer.headers["retry-after"], len(answer.body)) == (status, "7", MAX_ANSWER_BYTES)


def test_receiver_that_is_not_there_is_an_error_without_its_path(server: RawServer) -> None:
    with pytest.raises(FetchError, match="can't be reached: ConnectError"):
        post("http://127.0.0.1:1/x", b"{}", {}, timeout_seconds=60, allow_private=True)
