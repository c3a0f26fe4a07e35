"""The password of the Redis that deploy/compose.yaml starts is read from standard input, and is no argument of a process."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError

from botticelli.services.servers import binaries
from tests.support.waiting import wait_until

COMPOSE = (Path(__file__).parents[3] / "deploy/compose.yaml").read_text()


def script_of_redis() -> str:
    """Return the script that compose has a shell run."""
    block = re.search(r"^      - \|\n((?:        .*\n)+)", COMPOSE, re.MULTILINE)
    assert block is not None
    return textwrap.dedent(block[1]).replace("$$", "$")


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except ConnectionError:
        return False


def test_password_of_redis_is_read_from_standard_input(tmp_path: Path) -> None:
    """Run the script of compose with the server in the place of the image's entry point."""
    script = script_of_redis()
    server = binaries.valkey_server()
    program = tmp_path / "docker-entrypoint.sh"
    program.write_text(
        f'#!/bin/sh\nshift\nexec "{server}" --port 0 --unixsocket "{tmp_path}/s" --dir "{tmp_path}" "$@"\n'
    )
    program.chmod(0o700)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD": "a b'c"}
    with subprocess.Popen(["sh", "-c", script], env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            client = Redis(unix_socket_path=f"{tmp_path}/s", password="a b'c")
            wait_until(lambda: answers(client), "the server")
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            arguments = Path(f"/proc/{process.pid}/cmdline")
            assert not arguments.exists() or b"a b'c" not in arguments.read_bytes()
            with pytest.raises(AuthenticationError):
                Redis(unix_socket_path=f"{tmp_path}/s").ping()
        finally:
            process.terminate()
