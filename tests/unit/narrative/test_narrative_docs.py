"""The reference page tells what is so: its examples load, and it names every key and every limit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from botticelli.narrative import Environment, keys, parse_narrative
from botticelli.narrative.fields import Keys

PAGE = (Path(__file__).parents[3] / "docs/reference/narrative.md").read_text()
TABLES = {name: value for name, value in vars(keys).items() if isinstance(value, Keys)}


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_each_example_loads(block: str) -> None:
    environment = Environment.for_wire({"TEST_GUILD_ID": "1"}, allow=["TEST_GUILD_ID"])
    assert parse_narrative(block, source="page.toml", folder=None, environment=environment).warnings == ()


@pytest.mark.parametrize("name", TABLES)
def test_each_key_is_named(name: str) -> None:
    table = TABLES[name]
    missing = [key for key in (*table.known, *table.refused, *table.tolerated) if not re.search(rf"\b{key}\b", PAGE)]
    assert missing == []
