"""The colours of the console have the contrast that the design page promises, and its vendored file is the published one."""

from __future__ import annotations

import hashlib
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[4] / "botticelli/http/console/static"
DESIGN = Path(__file__).parents[4] / "docs/console_design.md"
GROUNDS = ("ground", "surface", "sunken")
TEXT_PAIRS = (
    *product(("ink", "ink-soft", "sea", "rose"), GROUNDS),
    ("on-sea", "sea"),
    ("sea", "sea-soft"),
    ("rose", "rose-soft"),
    ("gold", "gold-soft"),
    ("moss", "moss-soft"),
    ("dusk", "dusk-soft"),
    ("ink", "rose-soft"),
    ("ink", "sea-soft"),
)
SHAPE_PAIRS = (*product(("line-strong", "bar-used"), GROUNDS), ("bar-held", "bar-used"))
TEXT_CONTRAST, SHAPE_CONTRAST, NEIGHBOUR_CONTRAST = 4.5, 3.0, 1.8


def schemes() -> dict[str, dict[str, str]]:
    """The custom properties of each scheme, by name."""
    text = (STATIC / "console.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\n\s*\}", text, re.DOTALL)[:2]
    read = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    return {"light": read[0], "dark": read[0] | read[1]}


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_of_colours_has_its_contrast(scheme: str) -> None:
    colours = schemes()[scheme]
    measured = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in (*TEXT_PAIRS, *SHAPE_PAIRS)}
    assert not {pair: value for pair, value in measured.items() if pair in TEXT_PAIRS and value < TEXT_CONTRAST}
    least = {pair: NEIGHBOUR_CONTRAST if pair[0] == "bar-held" else SHAPE_CONTRAST for pair in SHAPE_PAIRS}
    assert not {pair: measured[pair] for pair in SHAPE_PAIRS if measured[pair] < least[pair]}


def test_design_page_states_the_measured_contrast() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` on `([a-z-]+)` \| ([\d.]+) \| ([\d.]+) \|$", DESIGN.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) >= 12
    for text, ground, light, dark in rows:
        for scheme, said in (("light", light), ("dark", dark)):
            colours = schemes()[scheme]
            assert f"{contrast(colours[text], colours[ground]):.1f}" == said, (text, ground, scheme)


def test_vendored_file_is_the_published_one() -> None:
    vendored = tomllib.loads((STATIC / "vendored.toml").read_text(encoding="utf-8"))
    for name, facts in vendored.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == facts["sha256"], name


def test_style_and_script_load_nothing_from_elsewhere() -> None:
    for name in ("console.css", "console.js", "icon.svg"):
        text = (STATIC / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "url(" not in text and "@import" not in text, name
