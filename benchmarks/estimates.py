"""Compares the estimate of tokens with the counts of tokenizers: `python -m benchmarks.estimates`. Calls no model.

The tokenizer is that of the local model, through its server. Where the package `bpe-openai` is installed, OpenAI's o200k
is measured as well. Errors are those of the estimate: +10 % is too much, -10 % too little.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from botticelli import services
from botticelli.drivers.interface.token_estimate import estimate_tokens

ROOT = Path(__file__).parents[1]
LANGUAGES = Path(__file__).with_name("texts") / "languages.json"
SAMPLES = 40
CHARACTERS = 600
"""Length of one sample of prose, code or data, about that of an act's prompt."""
Count = Callable[[str], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = texts()
    with local_tokenizer() as count:
        figures = {"SmolLM2": {kind: errors(samples, count) for kind, samples in kinds.items()}}
    if find_spec("bpe_openai") is not None:
        figures["o200k"] = {kind: errors(samples, _o200k()) for kind, samples in kinds.items()}
    print(json.dumps(figures) if options.json else "\n\n".join(table(*item) for item in figures.items()))


def texts() -> dict[str, list[str]]:
    """Return samples by kind, the same at each call."""
    chance = random.Random(7)
    prose = "\n".join(
        re.sub(r"```.*?```|^\|.*$|`[^`\n]*`|(?<=\])\([^)]*\)", "", page.read_text(), flags=re.S | re.M)
        for page in (*_files("docs/*.md"), *_files("docs/howto/*.md"), *_files("docs/decisions/*.md"))
    )
    schema = (ROOT / "narratives" / "narrative.schema.json").read_text()
    ids = [", ".join(str(chance.randrange(10**17, 10**19)) for _ in range(12)) for _ in range(SAMPLES)]
    return {
        "English prose": _cut(prose, chance),
        "Python": _cut("\n".join(file.read_text() for file in _files("botticelli/**/*.py")), chance),
        "TOML": _cut("\n".join(file.read_text() for file in _files("narratives/**/*.toml")), chance),
        "JSON, indented": _cut(schema, chance),
        "JSON, compact": _cut(json.dumps(json.loads(schema), separators=(",", ":")), chance),
        "lists of Discord ids": ids,
        **json.loads(LANGUAGES.read_text(encoding="utf-8")),
    }


def _files(pattern: str) -> list[Path]:
    return sorted(ROOT.glob(pattern))


def _cut(text: str, chance: random.Random) -> list[str]:
    starts = [chance.randrange(max(1, len(text) - CHARACTERS)) for _ in range(SAMPLES)]
    return [text[start : start + CHARACTERS] for start in starts]


@contextmanager
def local_tokenizer(home: Path | None = None) -> Iterator[Count]:
    """Yield the token count of the local model, from the server of the data directory `home`, without chat markup."""
    import httpx2

    with ExitStack() as stack:
        folder = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if home is None:
            stack.callback(services.down, folder, force=True)
        membership, socket = services.join_model(folder)
        with membership, httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket)), timeout=60) as client:
            yield lambda text: len(client.post("http://model/tokenize", json={"content": text}).json()["tokens"])


def _o200k() -> Count:
    encoding = import_module("bpe_openai").get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text))


def errors(samples: list[str], count: Count) -> dict[str, float]:
    """Return statistics of the estimate's errors, each as a part of the count."""
    deviations = sorted(estimate_tokens(text) / count(text) - 1 for text in samples)
    size = statistics.quantiles(map(abs, deviations), n=10)[-1]
    return {
        "samples": len(deviations),
        "mean": statistics.fmean(deviations),
        "p90_size": size,
        "lowest": deviations[0],
        "highest": deviations[-1],
    }


def table(name: str, kinds: dict[str, dict[str, float]]) -> str:
    heads = (name, "samples", "mean", "90 % are within", "most under", "most over")
    rows = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for kind, figures in kinds.items():
        mean, lowest, highest = (f"{figures[key]:+.0%}" for key in ("mean", "lowest", "highest"))
        rows.append(f"| {kind} | {figures['samples']} | {mean} | {figures['p90_size']:.0%} | {lowest} | {highest} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
