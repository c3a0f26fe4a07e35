"""Whatever is done to a file, loading it ends in a narrative or in problems with places, never in anything else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.errors import NarrativeError
from botticelli.narrative import Environment, Narrative, load_narrative, parse_narrative

EXAMPLES = sorted((Path(__file__).parents[3] / "narratives").rglob("*.toml"))
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})
MUTATIONS = 150

WHOLE_FILE = (
    "there are no acts",
    "holds a NUL byte",
    "is not UTF-8 text",
    "this is not TOML that can be read",
    "there are more than 200",
)
MORSELS = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b".",
        b",",
        b"'",
        b'"',
        b'"""',
        b"#",
        b"\n",
        b"\\",
        b"{{",
        b"${",
        b"\0",
        b"\xff",
        b"\r",
        b"\xc2\x85",
    ),
    *(
        b"true",
        b"nan",
        b"-1",
        b"1979-05-27",
        b"[[act]]\n",
        b"[acts]\n",
        b"{state.",
        b"{act.x}",
        b"previous",
        b"bots.x",
        b'"\\ud800"',
        b"''",
    ),
]


def mutants(raw: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        mutant = bytearray(raw)
        for _ in range(chance.randint(1, 4)):
            start, length = chance.randrange(len(mutant)), chance.randint(0, 12)
            kind = chance.randrange(3)
            if kind == 0:
                del mutant[start : start + length]
            elif kind == 1:
                mutant[start : start + chance.randint(0, 3)] = chance.choice(MORSELS)
            else:
                piece = chance.randrange(len(raw))
                mutant[start:start] = raw[piece : piece + length * 4]
        yield bytes(mutant)


def check(text: str | bytes, path: Path) -> bool:
    """Whether it loads; fails when it does anything but load or say where it is wrong."""
    try:
        if isinstance(text, bytes):
            path.write_bytes(text)
            narrative = load_narrative(path, environment=ENVIRONMENT).narrative
        else:
            narrative = parse_narrative(text, source="x.toml", folder=None, environment=ENVIRONMENT).narrative
    except NarrativeError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.line >= 1 or problem.message.startswith(WHOLE_FILE), problem
            assert "\n" not in str(problem) and str(problem).isprintable(), problem
        assert [one.line for one in error.problems] == sorted(one.line for one in error.problems)
        return False
    assert Narrative.model_validate(json.loads(json.dumps(narrative.snapshot()))) == narrative
    return True


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_mutated_examples(example: Path, tmp_path: Path) -> None:
    raw = example.read_bytes()
    for picture in example.parent.glob("*.png"):
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
    outcomes = [check(mutant, tmp_path / "x.toml") for mutant in mutants(raw, seed=len(raw))]
    assert 0 < sum(outcomes) < MUTATIONS


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
KEY = st.sampled_from(
    ["name", "prompt", "input", "order", "iterations", "type", "args", "content", "ref", "command", "x"]
)
ANY = st.recursive(
    SIMPLE.filter(lambda one: one is not None),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    max_leaves=6,
)


def written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {written(one)}' for key, one in value.items())}}}"
        case _:
            return str(value)


@given(
    st.dictionaries(
        st.sampled_from(["narrative", "metadata", "toc", "acts", "act", "carousel", "bots", "x"]), ANY, max_size=4
    )
)
def test_any_value_at_any_place(document: dict[str, object]) -> None:
    check("".join(f"{key} = {written(value)}\n" for key, value in document.items()), Path())


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "input", "skip_if", "carousel", "narrative", "needs", "system", "format"]),
        ANY,
        max_size=4,
    )
)
def test_any_value_in_an_act(act: dict[str, object]) -> None:
    check("[acts.a]\n" + "".join(f"{key} = {written(value)}\n" for key, value in act.items()), Path())
