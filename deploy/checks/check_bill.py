"""Checks a bill of materials against CycloneDX's own schema: the bill of the environment that runs this."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

SCRIPT = Path(__file__).parents[1] / "bill_of_materials.py"


def main() -> int:
    """Print what is wrong, or how many packages the bill has; return the exit code."""
    bills = {subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, check=True).stdout for _ in range(2)}  # noqa: S603
    if len(bills) != 1:
        print("bill: differs from one time to the next")
        return 1
    text = bills.pop().decode()
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    print(
        f"bill: {fault}" if fault else f"bill: {len(json.loads(text)['components'])} packages, valid as CycloneDX 1.6"
    )
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
