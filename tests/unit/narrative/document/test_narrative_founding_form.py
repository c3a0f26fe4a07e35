"""Tests that files of the founding system are recognised by their marks and read leniently, and all others strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Environment, Loaded, load_all, parse_all
from botticelli.narrative.model import BotCommandInput, MediaInput, TableInput, TextInput

FILES = Path(__file__).parents[3] / "narratives_of_others"
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})
ORDER = '[toc]\norder = ["a"]\n'
ACTS = '[acts]\na = "x"\n'


def read(name: str) -> tuple[Loaded, ...]:
    (path,) = FILES.glob(f"{name}_*.toml")
    return load_all(path, environment=ENVIRONMENT)


def parsed(text: str) -> Loaded:
    return parse_all(text, source="story.toml", folder=None, environment=ENVIRONMENT)[0]


def test_title_gives_the_name_with_a_warning() -> None:
    (loaded,) = read("45")
    assert loaded.narrative.name == "morning-poem-no-1"
    assert "is read as a title" in str(loaded.warnings[0])


@pytest.mark.parametrize(
    ("title", "name"),
    [("Model Options Demo", "model-options-demo"), ("a  b!", "a-b"), ("Über 3", "ber-3"), ("x_y z", "x_y-z")],
)
def test_title_with_blanks_or_signs_gives_a_name(title: str, name: str) -> None:
    assert parsed(f'[narrative]\nname = "{title}"\n{ORDER}{ACTS}').narrative.name == name


def test_title_without_a_letter_is_a_problem() -> None:
    with pytest.raises(NarrativeError, match="must be a name"):
        parsed(f'[narrative]\nname = "!!!"\n{ORDER}{ACTS}')


def test_inline_inputs_and_sources_are_read() -> None:
    (loaded,) = read("46")
    text, image = loaded.narrative.acts[0].inputs
    assert isinstance(text, TextInput) and isinstance(image, MediaInput)
    assert image.url is not None and image.url.parts == ("https://example.com/harbour.png",)
    assert loaded.narrative.acts[0].temperature == 0.4


def test_flat_file_gives_arguments_and_keeps_outputs() -> None:
    (loaded,) = read("47")
    assert (loaded.narrative.name, loaded.narrative.skip_content_generation) == ("flat_setup", True)
    make, greet = loaded.narrative.acts
    (command,) = make.inputs
    assert isinstance(command, BotCommandInput)
    assert sorted(command.args) == ["channel_type", "guild_id", "name"]
    assert make.output_var == "TRY_OUT_CHANNEL"
    (sent,) = greet.inputs
    assert isinstance(sent, BotCommandInput)
    (reference,) = sent.args["channel_id"].references  # type: ignore[union-attr]
    assert (reference.kind, reference.name) == ("state", "TRY_OUT_CHANNEL")


def test_acts_by_single_brackets_are_read() -> None:
    (loaded,) = read("48")
    assert [act.name for act in loaded.narrative.acts] == ["remove_channel"]


def test_table_of_a_model_is_that_of_the_narrative() -> None:
    (loaded,) = read("49")
    narrative = loaded.narrative
    assert (narrative.model, narrative.temperature, narrative.max_tokens) == ("gemini-2.0-flash-exp", 0.7, 100)


def test_unknown_table_gives_a_warning_and_act_config_is_used() -> None:
    essay, everything = read("50")
    assert (essay.narrative.name, essay.narrative.target) == ("essay-on-tides", "essays")
    assert essay.narrative.acts[1].temperature == 0.1
    assert [act.name for act in everything.narrative.acts][-1] == "essay"
    assert [(warning.line, warning.message) for warning in essay.warnings][:2] == [
        (2, "has no effect"),
        (6, "has no effect"),
    ]


def test_captured_state_is_the_output_variable() -> None:
    (loaded,) = read("51")
    assert loaded.narrative.acts[0].output_var == "channel_id"


def test_required_and_history_are_accepted_on_a_table() -> None:
    (loaded,) = read("52")
    query = loaded.narrative.acts[1].inputs[0]
    assert isinstance(query, TableInput)
    assert (query.required, query.history_retention) == (False, "drop")


def test_paths_are_searched_in_the_folder_and_above() -> None:
    assert [loaded.narrative.name for loaded in read("54")] == ["morning-poem-no-1", "harbour", "model_table"]


def test_text_from_the_wire_searches_no_folder() -> None:
    with pytest.raises(NarrativeError, match="can't read files"):
        parsed('[narratives.a]\nnarrative = "45_title"\n')


def test_hidden_file_above_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".secret").write_text("secret")
    (tmp_path / "open.txt").write_text("open")
    inner = tmp_path / "inner"
    inner.mkdir()
    story = inner / "story.toml"
    story.write_text(f'{ORDER}[[acts.a.input]]\nfile = "open.txt"\n')
    assert len(load_all(story, environment=ENVIRONMENT)) == 1
    story.write_text(f'{ORDER}[[acts.a.input]]\nfile = ".secret"\n')
    with pytest.raises(NarrativeError, match="there is no such file"):
        load_all(story, environment=ENVIRONMENT)


def test_file_outside_the_repository_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("open")
    inner = tmp_path / "inner"
    (inner / ".git").mkdir(parents=True)
    story = inner / "story.toml"
    story.write_text(f'{ORDER}[[acts.a.input]]\nfile = "open.txt"\n')
    with pytest.raises(NarrativeError, match="there is no such file"):
        load_all(story, environment=ENVIRONMENT)


@pytest.mark.parametrize("key", ["temprature = 1", "modell = 'x'", "descripton = 'x'"])
def test_misspelt_key_is_a_problem_in_both_forms(key: str) -> None:
    for order in (ORDER, ""):
        with pytest.raises(NarrativeError, match="did you mean"):
            parsed(f"[narrative]\n{key}\n{order}{ACTS}")


@pytest.mark.parametrize("text", ["[narrative]\nzzz = 1\n", "[zzz]\nx = 1\n", "[narrative]\nname = 'a b'\n"])
def test_new_file_is_read_strictly_and_an_old_one_with_a_warning(text: str) -> None:
    with pytest.raises(NarrativeError):
        parsed(text + ACTS)
    assert parsed(text + ORDER + ACTS).warnings


def test_steps_are_refused_in_one_line() -> None:
    with pytest.raises(NarrativeError) as caught:
        parsed('[metadata]\ntitle = "x"\n[[steps]]\nprocessor = "bot"\n')
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert "[[steps]] is a draft" in problem.message


def test_act_behind_the_table_of_another_act_is_lifted() -> None:
    loaded = parsed('[toc]\norder = ["a", "b"]\n[acts.a]\nprompt = "x"\nb = "y"\n')
    assert [act.name for act in loaded.narrative.acts] == ["a", "b"]
    assert [warning.line for warning in loaded.warnings] == [5]


def test_act_that_skips_content_generation_says_so() -> None:
    loaded = parsed(
        '[narrative]\ntarget = "t"\n[toc]\norder = ["a"]\n[acts.a]\nprompt = "x"\nskip_content_generation = true\n'
    )
    assert loaded.narrative.acts[0].skip_content_generation
    assert loaded.warnings == ()
