"""A real server for each module, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from botticelli.testing.valkey import valkey_socket


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with valkey_socket() as socket:
        yield socket


@pytest.fixture
def socket(server: str) -> str:
    with Redis(unix_socket_path=server) as client:
        client.flushall()
    return server
