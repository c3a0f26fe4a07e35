"""Tests that shipped narratives load without a warning, and that importing the package is cheap."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from botticelli.narrative import Environment, Narrative, load_narrative, missing_variables, references
from botticelli.narrative.execution import Carousel

SCRIPTS = Path(__file__).parents[4] / "narratives"
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})


def example(name: str) -> Narrative:
    loaded = load_narrative(SCRIPTS / name, environment=ENVIRONMENT)
    assert loaded.warnings == ()
    return loaded.narrative


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.toml")), ids=lambda path: path.stem)
def test_shipped_narrative_loads_and_survives_its_snapshot(path: Path) -> None:
    narrative = example(str(path.relative_to(SCRIPTS)))
    assert narrative.name == path.stem
    assert missing_variables(narrative) == []
    assert Narrative.model_validate(json.loads(json.dumps(narrative.snapshot()))) == narrative


def test_founding_digest_keeps_its_meaning() -> None:
    digest = example("examples/daily_digest.toml")
    assert digest.description == "Generate daily digest posts"
    assert digest.carousel == Carousel(iterations=50, estimated_tokens_per_iteration=2000, continue_on_error=False)
    assert digest.model is None and all(act.model is None and act.calls_model for act in digest.acts)
    assert [act.name for act in digest.acts] == ["research", "draft", "polish"]


def test_welcome_scripts_have_their_acts_and_state() -> None:
    publish = example("discord/publish_welcome.toml")
    assert [act.calls_model for act in publish.acts] == [False, False, True, True, False, False, False]
    states = {reference.name for reference in references(publish) if reference.kind == "state"}
    assert states == {"discord.4242.channel.welcome", "welcome_channel.id", "welcome_message", "welcome_message.id"}
    hourly = example("discord/welcome_carousel.toml")
    assert hourly.carousel == Carousel(iterations=24, estimated_tokens_per_iteration=500)
    assert [act.name for act in hourly.acts] == ["channel", "generate", "post"]


def test_missing_variable_is_known_before_a_run() -> None:
    digest = example("examples/daily_digest.toml")
    bare = digest.model_copy(update={"variables": {}})
    assert missing_variables(bare) == ["audience"]
    assert missing_variables(bare, given={"audience"}) == []


def test_importing_the_package_loads_no_parser() -> None:
    code = "import sys, botticelli.narrative; print(sorted({'pydantic', 'tomllib', 'difflib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
