"""Runs each `celery` command line in a process that is forked from one with everything imported.

Reads JSON lines `{"arguments": [...], "folder": ..., "environ": {...}}`, and writes `{"code": ..., "output": ...,
"cpu_seconds": ...}`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from typing import Any

import celery.apps.worker
import celery.bin.celery

import botticelli.runtime.celery_app
import botticelli.runtime.celery_command
import botticelli.runtime.settings_check  # noqa: F401  (so that no fork has to)


def run(case: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output:
        before = _cpu_seconds()
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            _become(case)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return {"code": os.waitstatus_to_exitcode(status), "output": text, "cpu_seconds": _cpu_seconds() - before}


def _become(case: dict[str, Any]) -> None:
    """Run `celery` in this process, and end it as `celery` would."""
    code: object = 99
    try:
        os.chdir(case["folder"])
        os.environ.clear()
        os.environ.update(case["environ"])
        sys.argv = ["celery", *case["arguments"]]
        celery.bin.celery.celery.main(auto_envvar_prefix="CELERY")
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
