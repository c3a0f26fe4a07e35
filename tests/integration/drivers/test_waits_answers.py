"""The drivers of the three SDKs by the answers that every driver has to take in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from botticelli.drivers.sdk import SdkDriver
from botticelli.errors import DriverError
from botticelli.testing.waits_answers import WaitsAnswer, WaitsConformance
from tests.support.servers.raw_server import RawServer, raw_server
from tests.support.servers.sdks import DRIVERS, request

pytestmark = pytest.mark.usefixtures("keys")


class Sdk(WaitsConformance):
    wire: ClassVar[str]
    suffix = ""
    server: ClassVar[RawServer]
    driver: ClassVar[SdkDriver[Any, Any]]

    @property
    def key_name(self) -> str:  # type: ignore[override]
        return " or ".join(DRIVERS[self.wire].key_names)

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _driver(cls) -> Iterator[None]:
        with raw_server() as cls.server:
            cls.driver = DRIVERS[cls.wire]({"base_url": cls.server.url + cls.suffix, "timeout_seconds": 60})
            yield
            cls.driver.close()

    def raised(self, answer: WaitsAnswer) -> DriverError:
        self.server.status, self.server.headers, self.server.body = answer.status, answer.headers, answer.body
        with pytest.raises(DriverError) as caught:
            self.driver.generate(request(self.wire))
        return caught.value


class TestGemini(Sdk):
    wire = "gemini"


class TestAnthropic(Sdk):
    wire = "anthropic"


class TestOpenAI(Sdk):
    wire = "openai"
    suffix = "/v1"
