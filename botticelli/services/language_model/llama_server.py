"""Runs the language model: `python -m botticelli.services.language_model.llama_server WEIGHTS SOCKET PID_FILE`.

Uses llama.cpp's own HTTP server as a library. Ends by a signal; knows no keeper.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

CONTEXT_TOKENS = 8192
SLOTS = 2
"""Answers generated at the same time; each has half of the context."""


def threads(processors: int) -> int:
    """Return how many threads the model gets.

    Half of the processors, and at least one. Threads wait for each other after every layer: on a machine whose
    processors were all taken and busy with other work, two threads wrote 3 tokens a second and one wrote 20.
    """
    return max(1, processors // 2)


def main(weights: str, socket: str, pid_file: str) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.hostnames = [socket]
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = SLOTS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads(os.cpu_count() or 1)
    parameters.model_alias = {"smollm2"}
    Path(pid_file).write_text(f"{os.getpid()}\n")
    server = xllamacpp.Server(parameters)
    print(f"serving {weights} on {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
