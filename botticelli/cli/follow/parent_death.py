"""Executes a command that ends when its parent process does. Runs as a script, without the package.

    python parent_death.py PARENT_PID LOG_FOLDER COMMAND...

The command keeps the process id of this script and writes to LOG_FOLDER/worker-PID.log. On Linux the kernel sends it
SIGTERM when PARENT_PID ends, even by kill -9; elsewhere it survives a parent that is killed.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent_pid, folder, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent_pid):
        sys.exit("the parent process of this worker is gone")
    log = os.open(os.path.join(folder, f"worker-{os.getpid()}.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execv(command[0], command)  # noqa: S606 (a command of our own, without a shell)


if __name__ == "__main__":
    main()
