"""Parameters of model calls: who decides about an act's, and where they are written."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from botticelli.drivers.interface.model_parameters import LEVELS, TIERS
from botticelli.messages import SERVICE_TIERS
from botticelli.narrative import load_narrative, parse_narrative
from botticelli.narrative.execution import Place, RunOptions, ServiceTier, Thinking
from botticelli.narrative.model import Narrative


def test_words_are_the_same_in_narratives_requests_and_drivers() -> None:
    assert get_args(ServiceTier) == SERVICE_TIERS == TIERS
    assert get_args(Thinking) == LEVELS


def test_act_wins_over_its_narrative_and_a_run_over_both() -> None:
    text = """
[narrative]
name = "a"
thinking = "low"
service_tier = "flex"
[acts.one]
prompt = "Hi"
  thinking = "off"
top_p = 0.5
"""
    narrative = parse_narrative(text, source="a.toml", folder=None).narrative
    parameters = narrative.parameters_for(narrative.acts[0])
    assert (parameters.thinking, parameters.top_p, parameters.service_tier) == ("off", 0.5, "flex")
    assert parameters.places["thinking"] == Place(line=8, column=3)
    assert parameters.places["service_tier"] == Place(line=5, column=1)
    of_run = narrative.model_copy(update={"run_options": RunOptions(service_tier="default")})
    parameters = of_run.parameters_for(of_run.acts[0])
    assert parameters.service_tier == "default" and "service_tier" not in parameters.places
    assert Narrative.model_validate(of_run.snapshot()) == of_run


def test_parameter_of_an_embedded_narrative_has_the_place_in_its_own_file(tmp_path: Path) -> None:
    inner = '[narrative]\nname = "inner"\ntemperature = 0.3\n[acts]\nsay = "Hi"\n'
    inner += '[acts.more]\nprompt = "Hi"\nthinking = "high"\n'
    outer = '[narrative]\nname = "outer"\nthinking = "low"\n[acts.use]\nnarrative = "inner"\n max_tokens = 99\n'
    (tmp_path / "inner.toml").write_text(inner)
    (tmp_path / "outer.toml").write_text(outer)
    narrative = load_narrative(tmp_path / "outer.toml").narrative
    say, more = (narrative.parameters_for(act) for act in narrative.acts[:2])
    assert (say.temperature, say.thinking, say.max_tokens) == (0.3, "low", 99)
    assert say.places == {
        "temperature": Place(file="inner", line=3, column=1),
        "thinking": Place(line=3, column=1),
        "max_tokens": Place(line=6, column=2),
    }
    assert more.places["thinking"] == Place(file="inner", line=8, column=1)
