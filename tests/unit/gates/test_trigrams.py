"""Tests that near copies are found as if all trigrams of all texts were compared."""

from __future__ import annotations

import random

import pytest

from botticelli.gates import trigrams as module
from botticelli.gates.trigrams import Near, first_near, similarity, trigrams

WORDS = ("a", "an", "the", "tide", "tides", "Ebbe", "flood", "moon", "monn", "2026", "naïve", "x_y")


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.6, 0.75, 1.0])
def test_cheap_bound_passes_over_no_near_text(threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WORDS", 5)
    chance = random.Random(7)
    texts = [" ".join(chance.choices(WORDS, k=chance.randrange(6))) for _ in range(300)]
    for text in texts[:40]:
        own = trigrams(text)
        scores = ((other, similarity(own, trigrams(other))) for other in texts[40:])
        expected = next((Near(*score) for score in scores if own and score[1] >= threshold), None)
        assert first_near(text, texts[40:], threshold) == expected


def test_most_texts_are_told_apart_without_their_trigrams(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(module, "trigrams", lambda text: taken.append(text) or trigrams(text))
    other = "an entirely different sentence on mountains"
    assert first_near("the tides follow the moon", [other] * 1000, 0.6) is None
    assert other not in taken and len(taken) <= 1 + len(set(other.split()))
