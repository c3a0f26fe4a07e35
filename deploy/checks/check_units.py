"""Asks systemd how exposed the units are, without starting them. Where there is no systemd, nothing is checked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

UNITS = Path(__file__).parents[1] / "systemd"
MOST_EXPOSED = 1.5
"""The highest score that passes, of 10."""


def main() -> int:
    """Print the score of each unit; return the exit code."""
    program = shutil.which("systemd-analyze")
    if program is None:
        print("units: systemd-analyze is not installed here, so they were not scored")
        return 0
    scores = {unit.name: score(program, unit) for unit in sorted(UNITS.glob("*.service"))}
    print("units: " + ", ".join(f"{name} {exposure:g}" for name, exposure in scores.items()))
    return 1 if not scores or max(scores.values()) > MOST_EXPOSED else 0


def score(program: str, unit: Path) -> float:
    """Return the exposure of a unit by `systemd-analyze security`, from 0 to 10."""
    command = [program, "security", "--offline=true", "--no-pager", str(unit)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603
    return float(re.findall(r"Overall exposure level for \S+: ([\d.]+)", shown)[0])


if __name__ == "__main__":
    sys.exit(main())
