"""The ceilings of the house are reported when they are broken, by .ci/check_house.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "check_house.py"
DOCSTRING = '"""What it is for."""\n'


@pytest.fixture(scope="module")
def house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_house", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _function(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


def test_file_over_the_ceiling_is_reported(house: ModuleType) -> None:
    assert not [*house.check_file("a.py", DOCSTRING + "x = 1\n" * 399)]
    assert [*house.check_file("a.py", DOCSTRING + "x = 1\n" * 400)] == [
        "a.py: 401 lines; a file has at most 400: split it"
    ]


@pytest.mark.parametrize("opening", ["", "async ", "class Box:\n"])
def test_function_over_the_ceiling_is_reported_wherever_it_stands(house: ModuleType, opening: str) -> None:
    def text(lines: int) -> str:
        function = _function(lines)
        if opening.startswith("class"):
            function = "".join(f"    {line}\n" for line in function.splitlines())
        return DOCSTRING + opening + function

    assert not [*house.check_file("a.py", text(40))]
    (problem,) = house.check_file("a.py", text(41))
    assert problem.endswith("long has 41 lines; at most 40: split it")


def test_migration_may_have_a_long_function_but_not_a_long_file(house: ModuleType) -> None:
    assert not [*house.check_file("migrations/versions/0001.py", DOCSTRING + _function(300))]
    (problem,) = house.check_file("migrations/versions/0001.py", DOCSTRING + _function(500))
    assert "501 lines" in problem


def test_module_without_a_docstring_is_reported(house: ModuleType) -> None:
    assert not [*house.check_file("a.py", "")]
    assert [*house.check_file("a.py", "x = 1\n")] == ["a.py:1: no docstring; a module opens with what it is for"]


def test_lua_script_over_the_ceiling_is_reported(house: ModuleType) -> None:
    assert not [*house.check_file("a.lua", "return 1\n" * 80)]
    assert [*house.check_file("a.lua", "return 1\n" * 81)] == ["a.lua: 81 lines; a Lua script has at most 80: split it"]


@pytest.mark.parametrize(
    ("texts", "measures"),
    [
        ([DOCSTRING + "x = 1\n" * 118, "x = 1\n" * 400, _function(6)], 0),
        ([DOCSTRING + "x = 1\n" * 121 + _function(3)], 1),
        ([_function(7)], 1),
        ([_function(2)] * 9 + [_function(16)], 1),
        (['def long():\n    """Says\n' + "    words.\n" * 20 + '    """\n    pass\n'], 0),
    ],
)
def test_measures_of_all_files_together_are_reported(house: ModuleType, texts: list[str], measures: int) -> None:
    assert len([*house.check_sizes(texts)]) == measures


def test_folder_with_too_many_modules_is_reported(house: ModuleType) -> None:
    names = [f"box/m{number}.py" for number in range(12)]
    assert not [*house.check_folders([*names, "box/inner/m.py", "box/a.lua"])]
    assert [*house.check_folders([*names, "box/m12.py"])] == ["box: 13 modules; at most 12: make folders in it"]


def test_module_name_that_stands_twice_is_reported_unless_it_has_a_reason(house: ModuleType) -> None:
    assert not [
        *house.check_names(
            ["tasks/enqueue.py", "botticelli/carousel/enqueuing/enqueue.py", "tests/a/x.py", "workers/x.py"]
        )
    ]
    (problem,) = house.check_names(["botticelli/a/x.py", "workers/x.py"])
    assert "botticelli/a/x.py, workers/x.py" in problem


def test_circle_of_imports_is_reported_also_when_it_is_for_types(house: ModuleType) -> None:
    below = {"workers/__init__.py": "from workers.b import B\n", "workers/b.py": "import json\n"}
    assert not [*house.check_circles(below | {"workers/a.py": "from workers import b\nfrom workers import B\n"})]
    typed = "if TYPE_CHECKING:\n    from workers.a import A\n"
    (problem,) = house.check_circles({"workers/a.py": "from workers.b import B\n", "workers/b.py": typed})
    assert "workers/a.py" in problem
    assert "a circle of imports" in problem


VAGUE = (
    "{} = 1",
    "{}: int",
    "box.{} = 1",
    "a, *{} = range(3)",
    "if ({} := 1):\n    pass",
    "for a, {} in pairs:\n    pass",
    "x = [1 for {} in range(3)]",
    "with a as {}:\n    pass",
    "async def f():\n    async with a as {}:\n        pass",
    "try:\n    pass\nexcept OSError as {}:\n    pass",
    "def {}():\n    pass",
    "def f({}):\n    pass",
    "def f(*, {}=1):\n    pass",
    "def f(*{}):\n    pass",
    "def f(**{}):\n    pass",
    "x = lambda {}: 1",
    "class Box:\n    {}: int = 1",
    "class Box:\n    def {}(self):\n        pass",
    "class {}:\n    pass",
    "import box as {}",
    "from box import a as {}",
    "match a:\n    case [{}, *_]:\n        pass",
    "match a:\n    case [*{}]:\n        pass",
    "match a:\n    case {{'x': 1, **{}}}:\n        pass",
)
"""Every way in which Python binds a name."""


@pytest.mark.parametrize("template", VAGUE)
@pytest.mark.parametrize("name", ["one", "found", "asked", "wanted", "told", "kept"])
def test_vague_name_is_reported_wherever_it_is_bound(house: ModuleType, template: str, name: str) -> None:
    (problem,) = house.check_words("workers/a.py", template.format(name))
    assert problem.startswith("workers/a.py:")
    assert f"'{name}' says nothing" in problem
    assert not [*house.check_words("workers/a.py", template.format(f"{name}_act"))]


def test_vague_name_that_is_only_read_is_not_reported(house: ModuleType) -> None:
    assert not [*house.check_words("workers/a.py", "x = rows.one()\nf(found=box.told, kept='asked')\n")]


@pytest.mark.parametrize("opening", ["Of ", "Who ", "Those ", "What ", "So "])
@pytest.mark.parametrize(
    "template",
    ['"""{}x."""\n', 'def f():\n    """{}x."""\n', 'class Box:\n    """\n    {}x."""\n', 'LIMIT = 1\n"""{}x."""\n'],
)
def test_docstring_with_a_wrong_opening_is_reported(house: ModuleType, template: str, opening: str) -> None:
    (problem,) = house.check_words("benchmarks/a.py", template.format(opening))
    assert f"a docstring begins with {opening.strip()!r}" in problem
    assert not [*house.check_words("benchmarks/a.py", template.format("Sorts "))]


@pytest.mark.parametrize("name", ["workers/a.py", "benchmarks/a.py", "tests/unit/a.py"])
def test_words_of_production_code_benchmarks_and_tests_are_checked(house: ModuleType, name: str) -> None:
    assert len([*house.check_words(name, '"""Of it."""\none = 1\n')]) == 2


@pytest.mark.parametrize("name", ["migrations/versions/a.py", "workers/lua/a.lua"])
def test_words_of_generated_and_other_code_are_not_checked(house: ModuleType, name: str) -> None:
    assert not [*house.check_words(name, '"""Of it."""\none = 1\n')]


def test_subject_over_the_ceiling_is_reported_with_its_commit(house: ModuleType) -> None:
    assert not [*house.check_subjects(f"abc1234 {'x' * 72}\n")]
    (problem,) = house.check_subjects(f"abc1234 {'x' * 72}\ndef5678 {'y' * 73}\n")
    assert problem.startswith("commit def5678: a subject of 73 letters; at most 72: yyy")


def test_glossary_over_the_ceiling_is_reported(house: ModuleType) -> None:
    head = "# Glossary\n\n| word | meaning |\n| --- | --- |\n"
    assert not [*house.check_glossary(head + "| act | a step |\n" * 45)]
    (problem,) = house.check_glossary(head + "| act | a step |\n" * 46)
    assert problem.startswith("docs/glossary.md: 46 words; at most 45")
