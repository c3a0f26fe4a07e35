"""Which pool a command line asks for; Celery itself would take `--pool prefork` for nothing said."""

from __future__ import annotations

import pytest

from botticelli.celery import requested_pool


@pytest.mark.parametrize(
    ("words", "pool"),
    [
        ("celery -A botticelli worker", None),
        ("celery -A botticelli worker --pool prefork -c 2", "prefork"),
        ("celery -A botticelli worker --pool=prefork", "prefork"),
        ("celery -A botticelli worker -P threads", "threads"),
        ("celery -A botticelli worker -Pprefork", "prefork"),
        ("celery -A botticelli worker -P", None),
    ],
)
def test_the_pool_of_a_command_line(words: str, pool: str | None) -> None:
    assert requested_pool(words.split()) == pool
