"""The socket that `botticelli serve` listens on."""

import asyncio
import socket
from typing import Any

import pytest

from botticelli.http.server.serving import listen, server_config


def test_accepted_connection_sends_small_answers_at_once() -> None:
    """Without TCP_NODELAY the second half of an answer waits for the client's delayed acknowledgement, 40 ms."""

    async def accepted_option() -> int:
        option: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            option.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1", 0) as listening:
            async with await asyncio.start_server(accept, sock=listening):
                _, client = await asyncio.open_connection(*listening.getsockname())
                client.close()
                return await option

    assert asyncio.run(accepted_option()) == 1


@pytest.mark.parametrize(
    ("proxies", "peer", "scheme"),
    [((), "10.0.0.5", "http"), (("10.0.0.0/8",), "10.0.0.5", "https"), (("10.0.0.0/8",), "192.0.2.1", "http")],
)
def test_forwarded_scheme_is_believed_of_trusted_proxies_only(proxies: tuple[str, ...], peer: str, scheme: str) -> None:
    schemes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        schemes.append(scope["scheme"])

    config = server_config(app, proxies)
    config.load()
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": [(b"x-forwarded-proto", b"https")]}
    asyncio.run(config.loaded_app(scope, None, None))  # type: ignore[arg-type]
    assert schemes == [scheme]
