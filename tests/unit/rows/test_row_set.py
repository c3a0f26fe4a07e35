"""Tests which rows are taken: keys, duplicates, samples, and rows that succeeded before."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from botticelli.errors import InvalidInput
from botticelli.rows import csv_rows, row_choice
from botticelli.rows.files import open_rows
from botticelli.rows.lists import ListSource
from botticelli.rows.row import BadRow, Row
from botticelli.rows.row_choice import choose_rows
from botticelli.rows.row_set import Choice, ChosenRow, RowSet

ROWS = [{"k": f"k{number}", "n": number} for number in range(10)]


class _Judge:
    """Refuses a row whose column n is odd."""

    def __call__(self, row: Row, text: str) -> str | None:
        return "is odd" if row.values.get("n") == "odd" else None

    measure = __call__

    def due(self, lengths: Sequence[int]) -> Iterable[int]:
        return range(len(lengths))

    def begin(self) -> None:
        pass


def _choose(rows: list[Any], **choice: Any) -> RowSet:
    return choose_rows(ListSource(rows, "rows"), Choice(**choice), _Judge())


def _keys(chosen: RowSet) -> list[str]:
    return [row.key for row in chosen.rows() if isinstance(row, ChosenRow)]


def test_all_rows_are_taken_in_order_with_their_keys() -> None:
    chosen = _choose(ROWS, key=("k",))
    rows = [row for row in chosen.rows() if isinstance(row, ChosenRow)]
    assert [(row.number, row.line, row.key) for row in rows] == [(n + 1, n + 1, f"k{n}") for n in range(10)]
    assert rows[3].text == '{"k":"k3","n":3}' and chosen.count == 10


def test_keys_of_several_columns_and_of_numbers_are_json() -> None:
    assert _keys(_choose(ROWS[:1], key=("k", "n"))) == ['["k0",0]']
    assert _keys(_choose(ROWS[:2], key=("n",))) == ["0", "1"]


def test_rows_without_a_key_column_are_named_by_their_content_and_may_repeat() -> None:
    first, second, third = _keys(_choose([ROWS[0], ROWS[1], ROWS[0]]))
    assert first == third != second


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"n": 1}, "rows:2: has no column k, which is its key"),
        ({"k": "", "n": 1}, "rows:2: k is empty, which is its key"),
        ({"k": "x" * 501}, "rows:2: its key has 501 characters, the limit is 500"),
        ({"k": "k0"}, "rows:2: the key 'k0' stands in line 1 already"),
        ({"k": "x", "n": "odd"}, "rows:2: is odd"),
        ({"k": "x", "long": "x" * 1_000_001}, "rows:2: has 1,000,020 characters, the limit is 1,000,000"),
    ],
)
def test_first_bad_row_refuses_all_unless_bad_rows_are_skipped(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _choose([ROWS[0], row, ROWS[1]], key=("k",))
    assert str(refused.value).startswith(message)
    chosen = _choose([ROWS[0], row, ROWS[1]], key=("k",), skip_bad=True)
    assert (chosen.count, chosen.bad) == (2, 1)
    bad = [f"rows:{item.line}: {item.reason}" for item in chosen.rows() if isinstance(item, BadRow)]
    assert bad == [message] and _keys(chosen) == ["k0", "k1"]


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(InvalidInput, match="rows: has no rows"):
        _choose([])


def test_keys_of_equal_hashes_are_compared_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_choice, "hash", lambda key: 1, raising=False)
    assert _choose(ROWS, key=("k",)).count == 10
    with pytest.raises(InvalidInput, match="the key 'k3' stands in line 4 already"):
        _choose([*ROWS, ROWS[3]], key=("k",))


def test_sample_is_reproducible_and_limit_takes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_choice, "CHUNK", 3)
    assert _keys(_choose(ROWS, key=("k",), limit=4)) == ["k0", "k1", "k2", "k3"]
    drawn = _keys(_choose(ROWS, key=("k",), sample=4, seed=7))
    assert drawn == _keys(_choose(ROWS, key=("k",), sample=4, seed=7)) == sorted(drawn) and len(drawn) == 4
    assert any(_keys(_choose(ROWS, key=("k",), sample=4, seed=seed)) != drawn for seed in range(3))
    assert len(_keys(_choose(ROWS, key=("k",), sample=4, limit=2))) == 2
    assert len(_keys(_choose(ROWS, sample=99))) == 10


def test_limit_reads_no_further_than_it_has_to() -> None:
    assert _keys(_choose([*ROWS, {"k": "x", "n": "odd"}], key=("k",), limit=10)) == [f"k{n}" for n in range(10)]


def test_rows_that_succeeded_before_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_choice, "CHUNK", 3)
    chosen = _choose(ROWS, key=("k",), succeeded=lambda keys: [key for key in keys if key > "k2"])
    assert (_keys(chosen), chosen.done) == (["k0", "k1", "k2"], 7)
    assert (_choose(ROWS, succeeded=lambda keys: keys).count) == 0


def test_rows_that_differ_in_the_second_pass_are_refused() -> None:
    rows = [dict(row) for row in ROWS]
    chosen = _choose(rows)
    rows[5]["n"] = -1
    with pytest.raises(InvalidInput, match="has changed while it was read"):
        list(chosen.rows())


def test_digest_depends_on_the_content_and_on_which_rows_are_taken() -> None:
    whole = _choose(ROWS).digest
    assert whole == _choose(ROWS).digest
    assert len({whole, _choose(ROWS[:9]).digest, _choose(ROWS, sample=3).digest, _choose(ROWS, sample=4).digest}) == 4


FAULTS = (
    'a,"b',
    'k,"x\ny"',
    "",
    "k",
    "k,1,2",
    "k,odd",
    ",1",
    "k\0,1",
    "k\x1f1,2",
    "k\x1f,",
    "é,ü",
    '"k,",1',
    "k" * 501 + ",1",
)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("key", [(), ("k",), ("n", "k")])
def test_table_that_is_checked_in_batches_gives_what_a_look_at_each_row_gives(
    seed: int, key: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    lines = [f"k{chance.randrange(40) if chance.random() < 0.02 else number},{number}" for number in range(60)]
    for _ in range(chance.randrange(3)):
        lines[chance.randrange(60)] = chance.choice(FAULTS)
    path = tmp_path / "rows.csv"
    path.write_text("k,n\n" + "\n".join(lines) + chance.choice(["", "\n"]), encoding="utf-8", newline="")
    monkeypatch.setattr(csv_rows, "SCANNED_ROWS", 16)
    skip_bad, sample = chance.random() < 0.6, chance.choice([None, 7])
    done = {f"k{number}" for number in range(20)} if chance.random() < 0.3 else set()
    choice = Choice(key, skip_bad, None, sample, seed, done.intersection if done else None)
    quick = _outcome(path, choice)
    monkeypatch.setattr(row_choice, "are_all_good", lambda chosen: False)
    assert quick == _outcome(path, choice)


def _outcome(path: Path, choice: Choice) -> object:
    with closing(open_rows(path)) as source:
        try:
            chosen = choose_rows(source, choice, _Judge())
        except InvalidInput as error:
            return str(error)
        return chosen.digest, chosen.count, chosen.done, chosen.bad, list(chosen.rows())


def test_good_table_needs_no_look_at_each_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("k,n\n" + "".join(f'"k{n}","a\n{n}"\n\n' for n in range(2500)), encoding="utf-8")
    monkeypatch.delattr(row_choice, "_check_each")
    with closing(open_rows(path)) as source:
        chosen = choose_rows(source, Choice(key=("k",)), _Judge())
        rows = list(chosen.rows())
    assert chosen.count == len(rows) == 2500 and rows[-1] == ChosenRow(
        2500, 7499, "k2499", '{"k":"k2499","n":"a\\n2499"}'
    )
