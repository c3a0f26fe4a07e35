"""Tests that the shipped schema is up to date, accepts files that load, and refuses those that break a rule of one table."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from botticelli.narrative.authoring.descriptions import DESCRIPTIONS, EVERYWHERE
from botticelli.narrative.authoring.schema import _TABLES, narrative_schema
from tests.unit.narrative.document.test_narrative_founding import (
    ACT_CAROUSEL,
    BINDS_AND_SKIPS,
    CREATES,
    GUILD_STATE,
    NARRATIVE_CAROUSEL,
    PINS,
    ROOT_CAROUSEL,
    USES_STATE,
)
from tests.unit.narrative.source.test_narrative_problems import CASES

ROOT = Path(__file__).parents[4]
SCRIPTS = sorted((ROOT / "narratives").rglob("*.toml"))
OF_OTHERS = sorted((ROOT / "tests/narratives_of_others").glob("*.toml"))
PRESENT_FORM = [file for file in OF_OTHERS if file.stem < "45"]
"""List the files without keys of the founding system, which editors are meant to mark."""
FOUNDING = [
    ACT_CAROUSEL,
    BINDS_AND_SKIPS,
    CREATES,
    GUILD_STATE,
    NARRATIVE_CAROUSEL,
    PINS,
    ROOT_CAROUSEL,
    USES_STATE,
]
PAGE = (ROOT / "docs/reference/narrative.md").read_text(encoding="utf-8")
EXAMPLES = [text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
SCHEMA = narrative_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
BROKEN_RULE = re.compile(r"^\d+:\d+: .*: (is not a key of|must be )")


def is_toml(text: str) -> bool:
    try:
        return bool(tomllib.loads(text))
    except ValueError:
        return False


WRONG = {
    name: text
    for name, (text, expected) in CASES.items()
    if is_toml(text) and any(BROKEN_RULE.match(line) for line in expected.splitlines())
}


def test_schema_is_valid_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_shipped_schema_is_up_to_date() -> None:
    """Run `botticelli narrative schema --output narratives/narrative.schema.json` after a change."""
    shipped = (ROOT / "narratives/narrative.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == SCHEMA


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_examples_are_valid_and_name_the_schema(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    VALIDATOR.validate(tomllib.loads(text))
    named = re.match(r"#:schema (\S+)\n", text)
    assert named is not None
    assert (file.parent / named[1]).resolve() == ROOT / "narratives/narrative.schema.json"


@pytest.mark.parametrize("file", PRESENT_FORM, ids=lambda file: file.stem)
def test_foreign_narratives_are_valid_by_the_schema(file: Path) -> None:
    VALIDATOR.validate(tomllib.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", [*FOUNDING, *EXAMPLES])
def test_file_that_loads_is_valid_by_the_schema(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


def test_enough_wrong_files_are_tested() -> None:
    assert len(WRONG) > 15


@pytest.mark.parametrize("name", WRONG)
def test_broken_rule_is_invalid_by_the_schema(name: str) -> None:
    assert not VALIDATOR.is_valid(tomllib.loads(WRONG[name]))


@pytest.mark.parametrize(
    "wrong",
    [
        "[acts.a]\nprompt = 'x'\ntemperature = 2.5",
        "[acts.a]\nprompt = 'x'\nformat = 'xml'",
        "[acts.a]\nprompt = 'x'\n[acts.a.carousel]\ncontinue_on_error = true",
        "[acts]\na = 'x'\n[carousel]\niterations = 0",
        "[acts]\na = 'x'\n[narrative.budget]\nrpm_multiplier = 0",
        "[acts]\na = 'x'\n[narrative.variables]\nn = [1]",
        "[acts]\n'a b' = 'x'",
        "[[act]]\nprompt = 'x'",
        "[[acts.a.input]]\ntype = 'bot_command'",
        "[[acts.a.input]]\ncontent = 'x'\nfile = 'y'",
        "[narrative]\nname = 'x'",
        "[acts]\na = 3",
    ],
)
def test_wrong_file_is_invalid_by_the_schema(wrong: str) -> None:
    assert not VALIDATOR.is_valid(tomllib.loads(wrong))


def test_every_property_has_a_description_and_every_description_a_key() -> None:
    keys = {name: {*table.known, *table.tolerated} for name, table in _TABLES.items()}
    assert DESCRIPTIONS.keys() - {EVERYWHERE} <= keys.keys()
    tables = [SCHEMA, *(table for table in SCHEMA["$defs"].values() if "properties" in table)]
    silent = [
        key
        for table in tables
        for key, value in table["properties"].items()
        if not {"description", "const"} & value.keys()
    ]
    assert silent == []


def test_defaults_and_bounds_are_those_of_the_model() -> None:
    carousel = SCHEMA["$defs"]["carousel"]["properties"]
    assert carousel["retries"] | {"description": ""} == {
        "description": "",
        "type": "integer",
        "minimum": 0,
        "maximum": 2**31 - 1,
        "default": 2,
    }
    assert carousel["on_budget_exhausted"]["enum"] == ["stop", "wait"]
    budget = SCHEMA["$defs"]["budget"]["properties"]["rpm_multiplier"]
    assert (budget["exclusiveMinimum"], budget["maximum"]) == (0, 1)
    temperature = SCHEMA["$defs"]["act"]["properties"]["temperature"]
    assert (temperature["minimum"], temperature["maximum"]) == (0, 2)


@pytest.mark.parametrize(
    ("text", "key", "known"),
    [
        ('[narrative]\nname = "x"\ndescripton = "y"\n[acts]\na = "A"\n', "descripton", "description"),
        ('[narrative]\nname = "x"\n[narrative.carosel]\niterations = 3\n[acts]\na = "A"\n', "iterations", "carousel"),
        ('[narrative]\nname = "x"\n[narrative.carousel]\niteratons = 3\n[acts]\na = "A"\n', "iteratons", "iterations"),
        ('[narrative]\nname = "x"\n[acts.a]\npromt = "A"\n', "promt", "prompt"),
        ('[narrative]\nname = "x"\n[acts.a]\nprompt = "A"\nmax_token = 3\n', "max_token", "max_tokens"),
        ('[narrative]\nname = "x"\n[[acts.a.input]]\ntype = "text"\ncontnt = "A"\n', "contnt", "content"),
        ('[narrative]\nname = "x"\n[[acts.a.input]]\ntype = "image"\nulr = "A"\n', "ulr", "url"),
        ('[narrative]\nname = "x"\n[[acts.a.input]]\ntype = "bot_command"\ncomand = "A"\n', "comand", "command"),
        ('[narrative]\nname = "x"\n[[acts.a.input]]\ntype = "table"\ntabel_name = "A"\n', "tabel_name", "table_name"),
        ('[narrative]\nname = "x"\n[[act]]\nname = "a"\npromt = "A"\n', "promt", "prompt"),
        ('[narrativ]\nname = "x"\n[acts]\na = "A"\n', "narrativ", "narrative"),
        ('[narratives.x]\ntoc = ["a"]\nmodle = "echo/echo"\n[acts]\na = "A"\n', "modle", "model"),
        ('[narratives.x]\nnarrative = "y"\nmodle = "echo/echo"\n[acts]\na = "A"\n', "modle", "model"),
    ],
)
def test_misspelt_key_lists_the_known_keys(text: str, key: str, known: str) -> None:
    """Expect one problem with the key and the known ones, and none about several alternatives."""
    errors = list(VALIDATOR.iter_errors(tomllib.loads(text)))
    named = [error for error in errors if error.validator == "enum" and error.instance == key]
    if key == "iterations":  # a misspelt table is taken for one of several narratives: it has no such key
        named = [error for error in errors if error.validator == "enum" and "name" in error.validator_value]
    assert named, [error.message for error in errors]
    assert any(known in error.validator_value for error in named)
    assert not [error for error in errors if error.validator == "anyOf" and error.path]
