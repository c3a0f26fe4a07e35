"""Tests that the examples of the reference page load, and that its tables name exactly the keys of the language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from botticelli.narrative import Environment, parse_all
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import Keys

PAGE = (Path(__file__).parents[4] / "docs/reference/narrative.md").read_text()
TABLES = {name: value for name, value in vars(keys).items() if isinstance(value, Keys)}
SECTIONS = {
    "`[narrative]`": keys.NARRATIVE.known.keys() | {*keys.OWN},
    "Carousel": keys.CAROUSEL.known,
    "Acts": keys.ACT.known,
}


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_example_of_the_reference_page_loads(block: str) -> None:
    environment = Environment.for_wire({"TEST_GUILD_ID": "1"}, allow=["TEST_GUILD_ID"])
    narratives = parse_all(block, source="page.toml", folder=None, environment=environment)
    assert narratives and narratives[0].warnings == ()


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_named_in_the_reference_page(name: str) -> None:
    table = TABLES[name]
    missing = [key for key in (*table.known, *table.tolerated) if not re.search(rf"\b{key}\b", PAGE)]
    assert missing == []


@pytest.mark.parametrize("heading", SECTIONS)
def test_table_of_keys_in_the_page_is_complete_and_exact(heading: str) -> None:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+?) \|", section, re.MULTILINE)
    named = {name.rpartition(".")[2] for row in rows for name in re.findall(r"`\[?([\w.]+)\]?`", row)}
    assert named == set(SECTIONS[heading])
