"""Which acts of a narrative are stored as content."""

from __future__ import annotations

from botticelli.narrative import parse_narrative
from workers.outputs.content_output import stores_content

STORY = """
[narrative]
target = "posts"
[acts.a]
prompt = "x"
[acts.b]
prompt = "y"
"""


def test_last_act_that_skips_content_generation_stores_nothing() -> None:
    for keys, stored in (("", [False, True]), ("skip_content_generation = true\n", [False, False])):
        narrative = parse_narrative(STORY + keys, source="story.toml", folder=None).narrative
        assert [stores_content(narrative, position) for position in range(2)] == stored
