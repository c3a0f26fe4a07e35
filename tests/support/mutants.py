"""Breaks narrative files in small ways, and checks that loading either works or says where they are wrong."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from botticelli.errors import NarrativeError
from botticelli.narrative import Environment, Narrative, load_all, parse_narrative
from tests.support.waiting import at_best

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    *sorted((ROOT / "narratives").rglob("*.toml")),
    *sorted((ROOT / "tests/narratives_of_others").glob("*.toml")),
]
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})
LONGEST_SECONDS = 1.0

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
        b"narrative:x",
        b"[narrative.x]\n",
        b"needs = ['x']\n",
        b'"\\ud800"',
        b"''",
    ),
]


def mutants(raw: bytes, count: int) -> Iterator[bytes]:
    chance = random.Random(len(raw))
    for _ in range(count):
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


def seconds_to_load(path: Path) -> float:
    """Return the processor time of this thread for loading, which includes collecting others' garbage."""
    began = time.thread_time()
    load_all(path, environment=ENVIRONMENT)
    return time.thread_time() - began


def check(text: str | bytes, path: Path) -> bool:
    """Return whether the text loads; fail unless it loads or is refused with places."""
    try:
        if isinstance(text, bytes):
            path.write_bytes(text)
            narratives = [loaded.narrative for loaded in load_all(path, environment=ENVIRONMENT)]
            assert at_best(lambda: seconds_to_load(path) < LONGEST_SECONDS)
        else:
            narratives = [parse_narrative(text, source="x.toml", folder=None, environment=ENVIRONMENT).narrative]
    except NarrativeError as error:
        assert error.problems  # noqa: PT017 (an except that goes on, no expectation)
        for problem in error.problems:
            assert problem.line >= 1, problem
            assert "\n" not in str(problem) and str(problem).isprintable(), problem
        places = [(problem.file, problem.line) for problem in error.problems]
        assert [line for file, line in places if file == places[0][0]] == sorted(
            line for file, line in places if file == places[0][0]
        )
        return False
    for narrative in narratives:
        assert Narrative.model_validate(json.loads(json.dumps(narrative.snapshot()))) == narrative
    return True
