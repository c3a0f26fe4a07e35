"""The reason of a failed task, which quotes neither a prompt nor an answer."""

from __future__ import annotations

import pytest

from workers.process.failed_tasks import without

PROMPT = "Write a letter to Ada about the garden behind her house."


@pytest.mark.parametrize(
    ("error", "texts", "shown"),
    [
        ("400: the model is unknown", [PROMPT], "400: the model is unknown"),
        (f"400: invalid prompt: {PROMPT!r}", [PROMPT], "400: invalid prompt: '…'"),
        ("400: near 'a letter to Ada about'; shorten it", [PROMPT], "400: near '…'; shorten it"),
        ("400: Say hello. is refused", ["Say hello.\n"], "400: … is refused"),
        ("both: alpha beta gamma, delta epsilon", ["alpha beta gamma", "delta epsilon"], "both: …, …"),
        ("400: bad", ["", " ", "a"], "400: bad"),
        ("", [PROMPT], ""),
    ],
)
def test_reason_leaves_out_what_was_said(error: str, texts: list[str], shown: str) -> None:
    assert without(error, texts) == shown
