"""Tests that the page on the HTTP API is the published document, and that it says enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from botticelli.errors import BotticelliError
from botticelli.http.http_reference import published, reference
from botticelli.http.server.serving import listen
from botticelli.http.wire.loopback import is_loopback

PAGE = Path(__file__).parents[3] / "docs/reference/http.md"
NO_SCOPE = ("/healthz", "/readyz")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return published()


def test_page_is_made_from_the_published_document(document: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(document), "run python -m botticelli.http.http_reference"


def test_every_route_names_its_scope(document: dict[str, Any]) -> None:
    without = {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if "x-required-scope" not in operation and not path.startswith("/webhooks/")
    }
    assert without == set(NO_SCOPE)


def test_port_that_is_taken_is_a_line_with_the_address() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(BotticelliError, match=r"127\.0\.0\.1:\d+: can't listen"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_addresses_of_this_machine_are_known(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here
