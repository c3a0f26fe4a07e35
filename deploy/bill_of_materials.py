"""Prints the bill of materials of the environment that runs it, as CycloneDX 1.6: name, version and licence of each package.

The image keeps it as /opt/botticelli/bill-of-materials.json. It holds no time and no random number: the same packages
give the same file.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distributions
from typing import Any


def bill_of_materials() -> dict[str, Any]:
    """Return the bill of all installed packages, with Botticelli as its subject."""
    installed = {_name(package): package for package in distributions()}
    subject = installed.pop("botticelli", None)
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [_component(name, package, "library") for name, package in sorted(installed.items())],
    }
    if subject is not None:
        bill["metadata"] = {"component": _component("botticelli", subject, "application")}
    return bill


def _name(package: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()


def _component(name: str, package: Distribution, kind: str) -> dict[str, Any]:
    address = f"pkg:pypi/{name}@{package.version}"
    licence = package.metadata.get("License-Expression")
    licences = {"licenses": [{"expression": licence}]} if licence else {}
    return {"type": kind, "bom-ref": address, "name": name, "version": package.version, "purl": address, **licences}


if __name__ == "__main__":
    print(json.dumps(bill_of_materials(), indent=1))
