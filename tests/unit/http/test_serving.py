"""The socket that `botticelli serve` listens on."""

import asyncio
import socket

from botticelli.http.server.serving import listen


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
