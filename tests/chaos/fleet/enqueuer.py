"""A process that only enqueues: for each line of JSON on its input the named narrative. Tries nothing again.

`python -m tests.chaos.fleet.enqueuer`; a line is {"name", "key", "wire"}: itself, or by a message to the workers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.client import Client
from botticelli.narrative import load_narrative
from botticelli.runtime.process import current


def main() -> None:
    client = Client(current().settings)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        name, key = request["name"], request["key"]
        try:
            if request["wire"]:
                client.enqueue(name, idempotency_key=key)
            else:
                file = Path("narratives") / f"{name}.toml"
                enqueue(current(), load_narrative(file), str(file), EnqueueRequest(idempotency_key=key))
            print(f"enqueued {name}", flush=True)
        except Exception as error:
            print(f"not enqueued {name}: {error!r}", flush=True)


if __name__ == "__main__":
    main()
