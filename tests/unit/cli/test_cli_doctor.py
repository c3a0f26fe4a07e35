"""Lines of doctor about drivers: a key that nobody has set is neither a finding to act on nor reported as well."""

from __future__ import annotations

import pytest

from botticelli.cli.system import doctor_checks
from botticelli.drivers.interface.capabilities import Readiness


class Ready:
    """A driver of which only its readiness is asked."""

    def __init__(self, **readiness: object) -> None:
        self._readiness = Readiness(**readiness)

    def readiness(self) -> Readiness:
        return self._readiness


KEY = {"key_names": ("X_KEY",)}


@pytest.mark.parametrize(
    ("readiness", "is_configured", "state"),
    [
        ({**KEY, "has_key": True}, False, "ok"),
        ({**KEY, "has_key": False}, False, "note"),
        ({**KEY, "has_key": False}, True, "warn"),
        ({**KEY, "has_key": False, "base_url": "http://localhost:1"}, False, "ok"),
        ({"sdk_missing": "pip install x"}, False, "note"),
        ({"sdk_missing": "pip install x"}, True, "warn"),
        ({**KEY, "has_key": True, "sdk_missing": "pip install x"}, False, "warn"),
        ({**KEY, "has_key": True, "fault": "it has quotes"}, False, "fail"),
    ],
)
def test_driver_without_key_is_noted_unless_somebody_wants_it(readiness, is_configured, state):
    finding = doctor_checks._driver(Ready(**readiness), "x", is_configured=is_configured)
    assert finding.state == state
    assert ("X_KEY is not set" in finding.detail) == (readiness.get("has_key") is False)
