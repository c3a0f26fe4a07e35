"""A program that uses the services of HOME: joins, says so in one line of JSON, and leaves when its input ends."""

import json
import sys
from pathlib import Path

from botticelli import services

if __name__ == "__main__":
    with services.join(Path(sys.argv[1]), deadline_seconds=120) as membership:
        print(json.dumps({"database_url": membership.database_url, "redis_url": membership.redis_url}), flush=True)
        sys.stdin.read()
