"""The process of the language model: `python -m botticelli.services.llama_server WEIGHTS SOCKET PID_FILE`.

llama.cpp's own HTTP server, as a library. Ends by a signal; knows no keeper.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

CONTEXT_TOKENS = 8192
SLOTS = 2
"""Answers that are written side by side; each has its half of the context."""


def main(weights: str, socket: str, pid_file: str) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.hostnames = [socket]
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = SLOTS
    parameters.model_alias = {"smollm2"}
    Path(pid_file).write_text(f"{os.getpid()}\n")
    server = xllamacpp.Server(parameters)
    print(f"serving {weights} on {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
