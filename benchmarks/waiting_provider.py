"""Runs the provider of the waiting benchmark, which answers each call after some seconds.

`python -m benchmarks.waiting_provider WIRE SECONDS` prints its base_url and serves until its standard input is closed.
"""

from __future__ import annotations

import sys
from typing import Literal

from botticelli.testing.providers import FakeProvider

Wire = Literal["anthropic", "openai"]
MODELS: dict[Wire, str] = {"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5"}
PROMPT = "Say hello"
MAX_TOKENS = 1024
COUNTER = "bare:called"
"""The Redis key in which the bare tasks count."""


def main() -> None:
    wire: Wire = "anthropic" if sys.argv[1] == "anthropic" else "openai"
    with FakeProvider(wire, latency_seconds=float(sys.argv[2])) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
