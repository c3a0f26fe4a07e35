"""The documents tell what is so: their commands are run, their files load, their links lead somewhere, their names exist.

The rules by which a document is played are in CONTRIBUTING.md.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from botticelli.narrative import Environment, parse_all
from botticelli.settings import Settings, load_settings
from botticelli.settings.sources.environment_variables import NOT_SETTINGS, SHORT_NAMES
from botticelli.testing.providers import FakeProvider
from tests.support.fleet.command_server import command_folder
from tests.support.fleet.ports import free_port
from tests.support.fleet.processes import BIN, House, Process
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PAGES = {str(page.relative_to(ROOT)): page for page in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))}
TEXTS = {name: page.read_text(encoding="utf-8") for name, page in PAGES.items()}
PROGRAMS = ("botticelli", "celery", "python", "curl", "until")
"""First words of the commands that are run; a command that begins otherwise is only shown."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\S+\.(?:toml|py|csv|jsonl))\n")
DATA = (".csv", ".jsonl")
"""Files of these names don't have the line with their name."""
EXIT_CODE = re.compile(r"# exit code (\d+)")
SETTINGS_PAGE = TEXTS["docs/reference/settings.md"]
ALL = pytest.mark.parametrize("page", PAGES)
PAGES_SEED = "7"
HTTP_PORT = "8080"
"""The port of the pages; a free one is taken in its place."""
KEY = re.compile(r"\bANTHROPIC_API_KEY=")
"""A command with a key is answered by a local server that speaks the wire of the provider."""
ANSWERS = {
    "Make this sentence shorter:": "Welcome aboard, Ada!",
    "Write one sentence that welcomes Ada.": "Welcome aboard, Ada: we saved you the seat by the window.",
}
"""The answers of that server by a part of the conversation; the first one that is in it counts."""


@dataclass
class Command:
    """A line after `$ `, and what the document shows below it."""

    text: str
    shown: list[str] = field(default_factory=list)
    exit_code: int = 0

    @property
    def is_background(self) -> bool:
        return self.text.endswith(" &")

    @property
    def is_run(self) -> bool:
        words = [word for word in self.text.split() if not re.match(r"[A-Z_]+=", word)]
        return words[0] in PROGRAMS

    def is_answered_by(self, output: str) -> bool:
        """All shown lines are in the output, in their order; `…` stands for any text."""
        lines = iter(output.splitlines())
        return all(any(re.fullmatch(_pattern(shown), line.rstrip()) for line in lines) for shown in self.shown)


def _pattern(shown: str) -> str:
    return ".*".join(map(re.escape, shown.rstrip().split("…")))


def blocks(page: str, *languages: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in BLOCK.findall(TEXTS[page]) if kind in languages]


def commands(text: str) -> list[Command]:
    listed: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            listed.append(Command(line[2:]))
        elif code := EXIT_CODE.fullmatch(line):
            listed[-1].exit_code = int(code[1])
        elif line.strip() and line != "…":
            listed[-1].shown.append(line)
    return listed


PLAYED = [
    page for page in PAGES if any(command.is_run for _, text in blocks(page, "console") for command in commands(text))
]

TUTORIAL = "docs/tutorial.md"


@pytest.fixture
def garden() -> Iterator[House]:
    """A house of a short name: a foreign program has to reach the sockets in it by their plain path."""
    with tempfile.TemporaryDirectory(prefix="docs") as folder:
        made = House(Path(folder), rehearses=False)
        yield made.furnish()
        made.close()


@pytest.mark.parametrize("page", [page for page in PLAYED if page != TUTORIAL])
def test_commands_do_what_the_document_shows(garden: House, page: str) -> None:
    play_page(garden, page)


def test_tutorial_and_operate_after_it_in_the_same_folder_do_what_they_show(garden: House) -> None:
    play_page(garden, TUTORIAL)
    play_page(garden, "docs/howto/operate.md")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_all_pages_in_a_shuffled_order_in_the_same_folder_do_what_they_show(garden: House) -> None:
    """Plays every page over one data directory; PAGES_SEED chooses another order."""
    pages = random.Random(os.environ.get("PAGES_SEED") or PAGES_SEED).sample(PLAYED, len(PLAYED))
    for number, page in enumerate(pages):
        try:
            play_page(garden, page)
        except AssertionError as error:
            raise AssertionError(f"{page} after {pages[:number]}: {error}") from error


def play_page(house: House, page: str) -> None:
    """Write the files of a page and run its commands; what goes on in the background ends with the page."""
    own = {
        "PATH": f"{command_folder()}:{BIN}:/usr/bin:/bin",
        "PYTHONPATH": str(house.folder),
        "FLOWER_UNAUTHENTICATED_API": "true",
    }
    own |= {"BOTTICELLI_HTTP__PORT": str(free_port()), "NO_PROXY": "*"}
    house.settings |= own | {"FLOWER_PORT": str(free_port()), "FLOWER_ADDRESS": "127.0.0.1"}
    background = []
    for kind, text in blocks(page, "toml", "python", "csv", "jsonl", "console"):
        if kind != "console":
            write(house, text)
            continue
        for command in filter(lambda command: command.is_run, commands(text)):
            process = play(house, command)
            if command.is_background:
                background.append(process)
    assert [process.stop() for process in background] == [0] * len(background)


def write(house: House, text: str) -> None:
    """A block that begins with the name of a file is this file. An entry point is installed as pip would do it."""
    name = FILE.match(text)
    if name is None:
        return
    house.write(name[1], text[name.end() :] if name[1].endswith(DATA) else text)
    if name[1] == "pyproject.toml":
        project = tomllib.loads(text)["project"]
        for group, points in project["entry-points"].items():
            lines = "\n".join(f"{point} = {target}" for point, target in points.items())
            house.write(f"{project['name']}-1.0.dist-info/entry_points.txt", f"[{group}]\n{lines}\n")
        house.write(f"{project['name']}-1.0.dist-info/METADATA", f"Name: {project['name']}\nVersion: 1.0\n")


def play(house: House, command: Command) -> Process:
    """Play a command, with a provider to answer it if it has a key."""
    if not KEY.search(command.text):
        return play_to_end(house, command, {})
    with FakeProvider("anthropic", answer=answer_of_provider) as server:
        return play_to_end(house, command, {"ANTHROPIC_BASE_URL": server.url})


def answer_of_provider(conversation: str) -> str:
    return next(answer for part, answer in ANSWERS.items() if part in conversation)


def play_to_end(house: House, command: Command, environ: Mapping[str, str]) -> Process:
    """To its end; a command that goes on in the background, until it has printed what is shown."""
    port = house.settings.get("BOTTICELLI_HTTP__PORT", HTTP_PORT)
    command.text = command.text.replace(f"127.0.0.1:{HTTP_PORT}", f"127.0.0.1:{port}")
    command.shown = [line.replace(f"127.0.0.1:{HTTP_PORT}", f"127.0.0.1:{port}") for line in command.shown]
    process = house.start("/bin/bash", "-c", command.text.removesuffix(" &"), environ=environ)
    if command.is_background:
        wait_until(lambda: command.is_answered_by(process.text()) or process.popen.poll() is not None, command.text)
    else:
        code = process.popen.wait(240)
        assert code == command.exit_code, f"$ {command.text}\n{process.text()}"
    assert command.is_answered_by(process.text()), f"$ {command.text}\n{process.text()}\nshown: {command.shown}"
    return process


@ALL
def test_toml_loads(page: str, tmp_path: Path) -> None:
    environment = Environment.for_local_files({"TEST_GUILD_ID": "1"}, ["TEST_GUILD_ID"])
    data = [(match[1], text[match.end() :]) for _, text in blocks(page, "csv", "jsonl") if (match := FILE.match(text))]
    for name, text in data:
        (tmp_path / name).write_text(text, encoding="utf-8")
    for number, (_, text) in enumerate(blocks(page, "toml")):
        tables = tomllib.loads(text)
        if {"act", "acts"} & tables.keys():
            narratives = parse_all(text, source=page, folder=tmp_path if data else None, environment=environment)
            assert narratives and narratives[0].warnings == ()
        elif "project" not in tables:
            file = tmp_path / f"{number}.toml"
            file.write_text(text, encoding="utf-8")
            load_settings(environ={}, cwd=tmp_path, config=file)


@ALL
def test_python_compiles(page: str) -> None:
    for _, text in blocks(page, "python"):
        compile(text, page, "exec")


@ALL
def test_links_and_named_files_exist(page: str) -> None:
    prose = BLOCK.sub("", TEXTS[page])
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link]
    missing = [link for link in links if not is_there(PAGES[page], link)]
    named = re.findall(r"`((?:botticelli|workers|tasks|tests|deploy|migrations|narratives|benchmarks)/[\w/.]+)`", prose)
    missing += [path for path in named if not (ROOT / path).exists()]
    assert missing == []


def is_there(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
    return target.exists() and (not anchor or anchor in [slug(heading) for heading in headings])


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@ALL
def test_named_tests_exist(page: str) -> None:
    tests = "\n".join(file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/*.py"))
    suites = "\n".join(file.read_text(encoding="utf-8") for file in ROOT.glob("botticelli/testing/**/*.py"))
    named = re.findall(r"`(test_\w+)`", TEXTS[page])
    assert [name for name in named if f"def {name}(" not in tests + suites] == []


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and default of everything that can be set; NAME stands for a name that somebody chooses."""
    for name, info in model.model_fields.items():
        is_table = getattr(info.annotation, "__origin__", None) is dict
        key, inner = f"{prefix}{name}{'.NAME' if is_table else ''}", model_in(info.annotation)
        if inner is not None:
            yield from settings_of(inner, f"{key}.")
        elif key not in FOUND:
            yield key, info.get_default(call_default_factory=True)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `dict[str, X]` and `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for model in map(model_in, get_args(annotation)) if model is not None), None)


FOUND = ("home", "base", "left_out")
"""Fields of the settings that are found, not set."""
KNOWN = dict(settings_of(Settings))


def written(default: Any) -> str:
    """A default as the page writes it."""
    if default is PydanticUndefined:
        return "required"
    if default is None or default == {}:
        return "none"
    if isinstance(default, str):
        return f'`"{default}"`'
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{list(default)}`".replace("'", '"')
    return f"`{default}`" if isinstance(default, int) else f"`{default:g}`"


def test_every_setting_is_on_its_page_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+[\w.]*)` \| ([^|]+?) \|", SETTINGS_PAGE, re.MULTILINE))
    # One row each: the keys of a model are those of a tier, and the bounds of learned limits have those of its limits.
    tables = ("providers.NAME.tiers.NAME.models.NAME", "providers.NAME.learned_min", "providers.NAME.learned_max")
    expected = {name: written(default) for name, default in KNOWN.items() if not name.startswith(tables)}
    assert rows == expected | dict.fromkeys(tables, "none")


@ALL
def test_every_variable_and_setting_that_is_named_exists(page: str) -> None:
    variables = {variable.rstrip("_") for variable in re.findall(r"\bBOTTICELLI_[A-Z0-9_]+", TEXTS[page])}
    own = [*SHORT_NAMES, *(name.rstrip("_") for name in NOT_SETTINGS)]
    named = [
        variable.removeprefix("BOTTICELLI_").lower().replace("__", ".")
        for variable in variables
        if not is_own(variable, own)
    ]
    named += [f"{table}.{key}" for table, key in re.findall(r"`\[([\w.]+)\] (\w+)`", TEXTS[page])]
    patterns = [re.escape(name).replace("NAME", r"[^.]+") + r"(\..*)?" for name in KNOWN]
    roots = {name.split(".")[0] for name in KNOWN}
    mine = [name for name in named if name.split(".")[0] in roots or name in variables]
    assert [name for name in mine if not any(re.fullmatch(pattern, name) for pattern in patterns)] == []


def is_own(variable: str, own: list[str]) -> bool:
    return any(variable == name or variable.startswith(f"{name}_") for name in own)
