"""Checks what no schema says of compose.yaml: health checks, order of start, pinned images, nothing that is root."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "compose.yaml"
DEFAULT = re.compile(r"\$\{(\w+_IMAGE):-([^}]+)\}")
BASE = re.compile(r"^ARG (\w+_IMAGE)=(\S+)", re.M)
LINE = re.compile(r"^(?:images=')?(\w+_IMAGE)=([^\s']+)", re.M)
EXACT = re.compile(r":v?\d+\.\d+(\.\d+)?(-|$)")
"""A version with its patch: two numbers for Postgres, three for the others."""


def main() -> int:
    """Print every problem; return the exit code."""
    services = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    problems = [f"compose: {name}: {problem}" for name in services for problem in _judged(name, services)]
    problems += [f"images: {problem}" for problem in _image_problems()]
    print("\n".join(problems) or f"compose: {len(services)} services")
    return 1 if problems else 0


def _judged(name: str, services: dict[str, Any]) -> Iterator[str]:
    service = services[name]
    if "healthcheck" not in service and name not in ("worker",):  # the image's own
        yield "has no health check"
    if not service.get("restart"):
        yield "is not started again"
    for needed, condition in (service.get("depends_on") or {}).items():
        awaited = condition["condition"]
        if needed not in services:
            yield f"waits for {needed}, which doesn't exist"
        elif awaited == "service_healthy" and services[needed].get("healthcheck", {}).get("disable"):
            yield f"waits for the health of {needed}, which has no check"
    if service["image"] == "botticelli" and not (service["read_only"] and service["cap_drop"] == ["ALL"]):
        yield "may write its own image, or has capabilities"
    if (
        "@sha256:" not in service["image"]
        and not service["image"].startswith("${")
        and service["image"] != "botticelli"
    ):
        yield "has an image that pin-images.sh can't pin"
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            yield f"publishes {port} to the network"


def _image_problems() -> Iterator[str]:
    """Yield images without an exact version, and those that compose, Dockerfile and pin-images.sh don't name alike."""
    compose = dict(DEFAULT.findall(FILE.read_text(encoding="utf-8")))
    dockerfile = dict(BASE.findall((FILE.parent / "Dockerfile").read_text(encoding="utf-8")))
    pinned = dict(LINE.findall((FILE.parent / "pin-images.sh").read_text(encoding="utf-8")))
    for name, image in compose.items():
        if not EXACT.search(image):
            yield f"{name}={image} is no exact version"
    if not compose or pinned != compose or compose | dockerfile != compose:
        yield f"compose has {compose}, pin-images.sh {pinned}, the Dockerfile {dockerfile}"


if __name__ == "__main__":
    sys.exit(main())
