"""Listens and serves until a signal comes. Imports the app only when it listens already."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from botticelli.errors import BotticelliError, InvalidInput
from botticelli.http.server.lazy_app import LazyApp
from botticelli.http.wire.loopback import is_loopback
from botticelli.runtime.process import Runtime

if TYPE_CHECKING:
    import uvicorn

BACKLOG = 1024
GRACE_SECONDS = 5
NEEDS = ("fastapi", "uvicorn", "jinja2", "python_multipart")
SWITCH_SECONDS = 0.0005
"""How long a thread may compute while the loop waits for its turn. Python's 5 ms are more than most requests take: each time
that the loop handed something to a thread, a busy one, such as that of the events, could cost them."""
LOOPBACK = "127.0.0.1"


def require_extra() -> None:
    """Raise InvalidInput, with the command that helps, unless the packages of the extra are there."""
    from importlib.util import find_spec

    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        do = "install it with `pip install 'botticelli[http]'`"
        raise InvalidInput(f"`botticelli serve` needs the extra http ({', '.join(missing)} missing)", do=do)


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen. BotticelliError when the address is taken or is not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        do = "choose another with --port or --host"
        raise BotticelliError(f"can't listen: {error.strerror or error}", where=f"{host}:{port}", do=do) from None
    return server


def server_config(app: Any, trusted_proxies: Sequence[str] = ()) -> uvicorn.Config:
    """Return uvicorn's configuration for an app. Only trusted proxies may state the scheme and the client of a request."""
    import uvicorn

    return uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )


def serve(
    make_runtime: Callable[[], Runtime],
    host: str,
    port: int,
    *,
    say: Callable[[str, int], None],
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; open requests have some seconds to end. `say` is called once it listens."""
    from botticelli.http.server.door_server import DoorServer

    def make() -> Any:
        from botticelli.http.app import create_app

        return create_app(make_runtime(), is_loopback=is_loopback(host))

    sys.setswitchinterval(SWITCH_SECONDS)
    with closing(listen(host, port)) as server:
        say(host, server.getsockname()[1])
        app = LazyApp(make)
        server_loop = DoorServer(server_config(app, trusted_proxies), app)

        def stop() -> None:
            server_loop.should_exit = True

        app.on_error = stop
        server_loop.run([server])
    if app.error is not None:
        raise app.error
