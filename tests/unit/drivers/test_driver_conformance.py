"""The echo driver by the suite that third-party drivers are tested with."""

from __future__ import annotations

from botticelli.drivers import Driver
from botticelli.drivers.echo import EchoDriver
from botticelli.testing.drivers import DriverConformance


class TestEcho(DriverConformance):
    model = "echo"

    def make_driver(self) -> Driver:
        return EchoDriver()

    def failing_driver(self) -> Driver:
        return EchoDriver({"errors": ["400"]})
