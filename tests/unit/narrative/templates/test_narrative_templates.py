"""Tests that references are read once, filled in as data, and never expanded again (I7)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from botticelli.narrative.model import NestedArguments, Reference, Template
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.templates.template import (
    MAX_FAULTS,
    as_text,
    parse_template,
    render,
    render_text,
    render_value,
)

HOME = Environment.for_local_files({"GUILD": "42", "EMPTY": "", "SHELL_LIKE": "{act.a.output} ${GUILD}", "ODD": "a b"})


def parse_reference(text: str) -> Reference:
    parsed = parse_template(text, HOME)
    assert parsed.faults == ()
    (reference,) = parsed.template.parts
    assert isinstance(reference, Reference) and reference.text == text
    return reference


@pytest.mark.parametrize(
    ("text", "kind", "name", "path"),
    [
        ("{act.a-1.output}", "act", "a-1", "output"),
        ("{act.a.output.b.0.c}", "act", "a", "output.b.0.c"),
        ("{act.a.outputs}", "act", "a", "outputs"),
        ("{act.a.outputs.0}", "act", "a", "outputs.0"),
        ("{act.a.acts.y}", "act", "a", "acts.y"),
        ("{act.1.output}", "act", "1", "output"),
        ("{{a}}", "act", "a", "output"),
        ("{{ a }}", "act", "a", "output"),
        ("{{a.b.0.c}}", "act", "a", "output.b.0.c"),
        ("{{a.größe}}", "act", "a", "output.größe"),
        ("${a.b.0}", "act", "a", "output.b.0"),
        ("{{previous}}", "previous", "", "output"),
        ("{{previous.b}}", "previous", "", "output.b"),
        ("{state.welcome_channel.id}", "state", "welcome_channel.id", ""),
        ("${state:discord.1.channel.a-b}", "state", "discord.1.channel.a-b", ""),
        ("{{state:k}}", "state", "k", ""),
        ("{state.discord.${GUILD}.channel.x}", "state", "discord.42.channel.x", ""),
        ("${state:discord.${env:GUILD}.x}", "state", "discord.42.x", ""),
        ("{{state:${GUILD}}}", "state", "42", ""),
        ("{state.q%2Er.s@t}", "state", "q%2Er.s@t", ""),
        ("{var.topic}", "var", "topic", ""),
        ("{iteration}", "iteration", "", ""),
        ("{iterations}", "iterations", "", ""),
        ("{now}", "now", "", ""),
        ("{run.id}", "run", "id", ""),
        ("{narrative.name}", "narrative", "name", ""),
    ],
)
def test_every_form_of_reference_is_parsed(text: str, kind: str, name: str, path: str) -> None:
    reference = parse_reference(text)
    assert (reference.kind, reference.name, ".".join(reference.path)) == (kind, name, path)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ('{"a": 1, "b": {"c": []}}', '{"a": 1, "b": {"c": []}}'),
        (
            "{} {{}} {x} {previous} {{ 1 + 1 }} {{a b}} {{1}} ${} ${1} $x {",
            "{} {{}} {x} {previous} {{ 1 + 1 }} {{a b}} {{1}} ${} ${1} $x {",
        ),
        ("${X:-default} {previous} {a-b}", "${X:-default} {previous} {a-b}"),
        ("{{{{act.a.output}", "{act.a.output}"),
        (r"\{act.a.output}", "{act.a.output}"),
        (r"\{{a}} \{\{a.b}} \${GUILD}", "{{a}} {{a.b}} ${GUILD}"),
        ("${GUILD}-${env:GUILD}-${EMPTY}.", "42-42-."),
        ("${SHELL_LIKE}", "{act.a.output} ${GUILD}"),
        (r"C:\temp \n $", r"C:\temp \n $"),
        ("", ""),
    ],
)
def test_braces_without_a_reference_stay_text(text: str, literal: str) -> None:
    parsed = parse_template(text, HOME)
    assert parsed.faults == ()
    assert parsed.template.parts == ((literal,) if literal else ())


def test_references_among_text_keep_their_offsets() -> None:
    parsed = parse_template("a {{b}} {{{c}}} {state.d}{now}", HOME)
    shape = [part if isinstance(part, str) else part.text for part in parsed.template.parts]
    assert shape == ["a ", "{{b}}", " {", "{{c}}", "} ", "{state.d}", "{now}"]
    assert parsed.offsets == (2, 9, 16, 25)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x {act.a}", "{act.a} is not a reference"),
        ("{act.a.acts}", "{act.a.acts} is not a reference"),
        ("{act.a.output[0]}", "{act.a.output[0]} is not a reference"),
        ("{run.name}", "{run.name} is not a reference"),
        ("{state.}", "{state.} is not a reference"),
        ("{state.a..b}", "a..b is not a valid state key"),
        ("{state.a.${EMPTY}}", "a.${EMPTY} is not a valid state key"),
        ("{state.${ODD}}", "${ODD} is not a valid state key"),
        ("{state.a.{var.b}}", "a reference may contain only names and dots, and in a state key ${NAME}"),
        ("${env:}", "${env:} is not a reference"),
        ("${NOWHERE}", "${NOWHERE} is not set in the environment"),
        ("{state.${NOWHERE}}", "${NOWHERE} is not set in the environment"),
        ("${MY_API_KEY}", "${MY_API_KEY} may not be read from the environment: its name or value looks like a secret"),
    ],
)
def test_near_miss_of_a_reference_is_a_fault(text: str, message: str) -> None:
    assert parse_template(text, HOME).faults[0].message == message


def test_faults_point_at_their_reference_up_to_a_limit() -> None:
    faults = parse_template("ab {run.x} " * 100, HOME).faults
    assert [fault.offset for fault in faults] == [3 + 11 * number for number in range(MAX_FAULTS)]


def test_lone_reference_is_the_value_itself() -> None:
    template = parse_template("{{a}}", HOME).template
    assert render(template, lambda _: {"id": 7}) == {"id": 7}
    assert render_text(template, lambda _: {"id": 7}) == "7"
    assert render(parse_template("<{{a}}>", HOME).template, lambda _: {"id": "7"}) == "<7>"
    assert render(Template(), lambda _: 1) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (1, "1"),
        (True, "true"),
        (None, "null"),
        ({"id": "5", "n": 1}, "5"),
        ({"n": "é"}, '{"n":"é"}'),
        ([1, "a"], '[1,"a"]'),
    ],
)
def test_value_inside_a_text_is_written_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_arguments_keep_their_shape() -> None:
    reference = parse_template("{state.x}", HOME).template
    value = NestedArguments(
        array=(
            1,
            True,
            0.5,
            reference,
            NestedArguments(table={"k": Template(parts=("v",)), "e": NestedArguments(array=())}),
        )
    )
    assert render_value(value, lambda _: [9]) == [1, True, 0.5, [9], {"k": "v", "e": []}]


SNEAKY = st.sampled_from(
    [
        "{state.secret}",
        "{{b}}",
        "${GUILD}",
        "{act.b.output}",
        "{var.v}",
        "{{{{",
        "\\{",
        "{now}",
        "{{state:secret}}",
        "$",
        "{",
        "}",
    ]
)


@given(st.lists(SNEAKY | st.text(max_size=5)).map("".join))
@example("{state.secret}${GUILD}{{b}}")
def test_value_with_references_is_never_expanded(value: str) -> None:
    requests: list[str] = []

    def resolve(reference: Reference) -> str:
        requests.append(reference.text)
        return value

    template = parse_template("before {act.a.output} between {{a}}{ after", HOME).template
    assert render(template, resolve) == f"before {value} between {value}{{ after"
    assert render_value(NestedArguments(array=(template,)), resolve) == [f"before {value} between {value}{{ after"]
    assert set(requests) == {"{act.a.output}", "{{a}}"}


@given(st.lists(SNEAKY | st.text(max_size=3)).map("".join))
def test_any_text_parses_without_loss(text: str) -> None:
    parsed = parse_template(text, HOME)
    assert len(parsed.offsets) == len(parsed.template.references)
    for offset, reference in zip(parsed.offsets, parsed.template.references, strict=True):
        assert text.startswith(reference.text, offset)


@given(st.lists(SNEAKY | st.text(max_size=8)).map("".join))
def test_environment_value_is_never_expanded(value: str) -> None:
    environment = Environment({"BOTTICELLI_VAR_X": value})
    parsed = parse_template("${BOTTICELLI_VAR_X}", environment)
    if "\0" not in value:
        assert parsed.template.parts == ((value,) if value else ())


@pytest.mark.parametrize(
    "text",
    [
        "{" * 200_000,
        "{state." * 30_000,
        "{{state:${A}" * 20_000,
        "{{ " * 60_000,
        "${" * 100_000,
        "\\" * 200_000,
        "{act.a.output" * 15_000,
        "{state." + "a" * 200_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    parsed = parse_template(text, HOME)
    assert len(parsed.faults) <= MAX_FAULTS
    assert sum(len(part) for part in parsed.template.parts if isinstance(part, str)) <= len(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{vars.x}", "{var.x}"),
        ("{Var.x}", "{var.x}"),
        ("{variable.x}", "{var.x}"),
        ("{var:x}", "{var.x}"),
        ("{acts.b.output}", "{act.b.output}"),
        ("{acts.b.output.a.0}", "{act.b.output.a.0}"),
        ("{Act.b}", "{act.b.output}"),
        ("{ act.b.output }", "{act.b.output}"),
        ("{act}", "{act.NAME.output}"),
        ("{state}", "{state.KEY}"),
        ("{States.a.b}", "{state.a.b}"),
        ("{state:a}", "{state.a}"),
        ("{iteration.x}", "{iteration}"),
        ("{iterations.x}", "{iteration}"),
        ("{Iterations}", "{iterations}"),
        ("{ now }", "{now}"),
        ("{previous.output.a}", "{{previous.a}}"),
        ("{env.HOME}", "${HOME}"),
        ("{run}", "{run.id}"),
        ("{narratives.name}", "{narrative.name}"),
        ("{act['b']}", "{act.b.output}"),
        ('{acts["b"].output}', "{act.b.output}"),
        ("{act[b].output.a}", "{act.b.output.a}"),
        ("{vars['x']}", "{var.x}"),
        ("{state[a]}", "{state.a}"),
        ("{act/b}", "{act.b.output}"),
        ("{acts/b/output}", "{act.b.output}"),
        ("{vars/x}", "{var.x}"),
    ],
)
def test_braces_that_are_nearly_a_reference_are_a_fault_with_the_nearest_one(text: str, hint: str) -> None:
    parsed = parse_template(f"Say: {text}.", Environment())
    (fault,) = parsed.faults
    assert fault.offset == 5
    assert fault.message == f"{text} is not a reference"
    assert hint in fault.hint


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"state": {"act": [1]}}',
        "{state: 1, run: 2}",
        "const {state, setState} = useState()",
        'f"{name} is {user.age}"',
        'println!("{state:?} {x}")',
        "\\\\begin{narrative} \\\\textbf{run}",
        "{...} {} {0} {[1]} {% if x %}",
        "function(){act();}",
        "{self.output}",
    ],
)
def test_json_and_code_need_no_escape(text: str) -> None:
    parsed = parse_template(text, Environment())
    assert parsed.faults == ()
    assert parsed.template.parts == (text,)


@pytest.mark.parametrize("text", ["{vars.x}", "{state}", "{Act.b}", "{act.b.output}", "{{previous}}"])
def test_backslash_makes_any_reference_literal(text: str) -> None:
    parsed = parse_template(f"a \\{text}", Environment())
    assert parsed.faults == ()
    assert parsed.template.parts == (f"a {text}",)
