"""The driver of the model on this machine, by the suite that every driver passes: a real model answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.estimates import errors, local_tokenizer, texts
from botticelli import services
from botticelli.drivers import Driver, GenerateRequest
from botticelli.drivers.local import SMALL, LocalDriver
from botticelli.errors import DriverTerminal
from botticelli.testing.drivers import DriverConformance

LONGEST_TOKENS = 16
TOO_SHORT_SECONDS = 0.001


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory whose model runs until the last test of this file."""
    folder = tmp_path_factory.mktemp("model")
    membership, _ = services.join_model(folder, deadline_seconds=300)
    with membership:
        yield folder


class TestLocal(DriverConformance):
    model = "smollm2"

    @pytest.fixture(autouse=True)
    def _home(self, home: Path) -> None:
        self.home = home

    def make_driver(self) -> Driver:
        return LocalDriver({"home": str(self.home), "stream": True})

    def failing_driver(self) -> Driver:
        return LocalDriver({"home": str(self.home), "timeout_seconds": TOO_SHORT_SECONDS})

    def request(self, text: str = "Say hello.", **fields: object) -> GenerateRequest:
        """The same answer every time, and a short one."""
        return super().request(text, **{"temperature": 0.0, "max_tokens": LONGEST_TOKENS, **fields})

    def test_local_driver_says_once_that_its_model_is_small(self, driver: Driver) -> None:
        said = [driver.generate(self.request(max_tokens=4)).warnings for _ in range(2)]
        assert said == [(SMALL,), ()]

    def test_its_schema_is_followed(self, driver: Driver) -> None:
        schema = {"type": "object", "properties": {"color": {"enum": ["red", "blue"]}}, "required": ["color"]}
        text = driver.generate(self.request("Name a color.", json=True, json_schema=schema, max_tokens=40)).text
        assert "".join(text.split()) in ('{"color":"red"}', '{"color":"blue"}')

    def test_other_models_are_refused_by_name(self, driver: Driver) -> None:
        with pytest.raises(DriverTerminal, match="write local/smollm2"):
            driver.generate(GenerateRequest(model="smollm3", messages=self.request().messages))

    def test_prompt_too_long_for_the_local_model_fails(self, driver: Driver) -> None:
        with pytest.raises(DriverTerminal, match="shorten the prompt"):
            driver.generate(self.request("a long word " * 9000))


def test_the_estimate_of_english_and_json_is_near_what_a_tokenizer_counts(home: Path) -> None:
    kinds = texts()
    with local_tokenizer(home) as count:
        prose, data = (errors(kinds[kind], count) for kind in ("English prose", "JSON, compact"))
    assert abs(prose["mean"]) < 0.1 and prose["lowest"] > -0.15
    assert -0.1 < data["lowest"] < data["mean"] < 0.35
