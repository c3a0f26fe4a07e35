"""Tests that any file loads as a narrative or gives problems with places, and never raises anything else."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.support.mutants import EXAMPLES, check, mutants

MUTATIONS = 400


def test_mutated_file_loads_or_gives_problems(tmp_path: Path) -> None:
    each = -(-MUTATIONS // len(EXAMPLES))
    for beside in {picture for example in EXAMPLES for picture in example.parent.glob("*.png")}:
        (tmp_path / beside.name).write_bytes(beside.read_bytes())
    outcomes = [
        check(mutant, tmp_path / "x.toml") for example in EXAMPLES for mutant in mutants(example.read_bytes(), each)
    ]
    assert len(outcomes) >= MUTATIONS
    assert 15 < sum(outcomes) < MUTATIONS // 2


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
KEY = st.sampled_from(
    ["name", "prompt", "input", "order", "iterations", "type", "args", "content", "ref", "command", "x"]
)
ANY = st.recursive(
    SIMPLE.filter(lambda value: value is not None),
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
            return f"{{{', '.join(f'{key} = {written(inner)}' for key, inner in value.items())}}}"
        case _:
            return str(value)


@given(
    st.dictionaries(
        st.sampled_from(["narrative", "metadata", "toc", "acts", "act", "carousel", "bots", "x"]), ANY, max_size=4
    )
)
def test_any_value_at_any_place_loads_or_gives_problems(document: dict[str, object]) -> None:
    check("".join(f"{key} = {written(value)}\n" for key, value in document.items()), Path())


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "input", "skip_if", "carousel", "narrative", "needs", "system", "format"]),
        ANY,
        max_size=4,
    )
)
def test_any_value_in_an_act_loads_or_gives_problems(act: dict[str, object]) -> None:
    check("[acts.a]\n" + "".join(f"{key} = {written(value)}\n" for key, value in act.items()), Path())
