"""The ways through the house name files that exist, each of them once."""

from __future__ import annotations

import pytest

from tests.support.architecture.ways import ROOT, ways

WAYS = ways()


def test_architecture_walks_five_ways() -> None:
    assert len(WAYS) == 5
    assert all(len(places) > 5 for places in WAYS.values())


@pytest.mark.parametrize("title", list(WAYS))
def test_way_names_files_and_folders_that_exist_each_once(title: str) -> None:
    places = WAYS[title]
    assert [place for place in places if not (ROOT / place).exists()] == []
    assert len(places) == len(set(places))
