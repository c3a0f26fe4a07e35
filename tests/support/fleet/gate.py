"""Installs a driver whose calls wait until the test lets them through, so that kills during a call don't depend on time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.fleet.processes import House

DRIVER = '''
"""The echo driver behind a gate: writes down each call as it begins, and answers those that the file `open` describes."""
import pathlib, re, threading
from botticelli.drivers.echo import EchoDriver

HERE = pathlib.Path(__file__).parent


class GateDriver(EchoDriver):
    name = "gate"

    def claims(self, model):
        return False

    def generate(self, request):
        prompt = request.messages[-1].text
        with open(HERE / "calls", "a") as file:
            file.write(prompt + "\\n")
        while not re.fullmatch((HERE / "open").read_text(), prompt):
            threading.Event().wait(0.05)
        return super().generate(request)
'''
NOTHING = "(?!)"


@dataclass
class Gate:
    """The gate of one house, with a record of its calls. A repeated prompt is recorded again."""

    folder: Path

    def open(self, prompts: str = ".*") -> None:
        """Answer calls whose whole prompt matches `prompts`, a regular expression; other calls wait."""
        new = self.folder / "open.new"
        new.write_text(prompts)
        new.replace(self.folder / "open")

    def begun(self) -> list[str]:
        """List the prompts of all calls so far in order, answered or not."""
        return (self.folder / "calls").read_text().splitlines()


def with_gate(house: House, *, answered: str = NOTHING, latency_seconds: float = 0) -> Gate:
    """Install the driver as pip would, and make its model the default."""
    house.write("gate_driver.py", DRIVER)
    house.write("gate-1.0.dist-info/METADATA", "Name: gate\nVersion: 1.0\n")
    house.write("gate-1.0.dist-info/entry_points.txt", "[botticelli.drivers]\ngate = gate_driver:GateDriver\n")
    house.settings |= {"PYTHONPATH": os.fspath(house.folder), "BOTTICELLI_DEFAULT_MODEL": "gate/gate"}
    house.settings["BOTTICELLI_DRIVERS"] = json.dumps({"gate": {"latency_seconds": latency_seconds}})
    house.write("calls", "")
    gate = Gate(house.folder)
    gate.open(answered)
    return gate
