"""Reads a cron expression of five fields, or one of the words such as @daily."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError

WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = 5
MAX_CHARACTERS = 200
_SOME_DAY = datetime(2000, 1, 1)


class InvalidCron(ValueError):
    """The text is not a cron expression; the message says which field is wrong."""


def fields_of(text: str) -> str:
    """Return the expression with five fields that `text` stands for. Raises InvalidCron."""
    expression = WORDS.get(text.strip().lower(), text)
    parsed(expression)
    return expression


@lru_cache(maxsize=1024)
def parsed(expression: str) -> CronSim:
    """Parse an expression of five fields. Raises InvalidCron. The result is shared: read its fields only."""
    if len(expression) > MAX_CHARACTERS or len(expression.split()) != FIELDS:
        raise InvalidCron("has not five fields")
    try:
        return CronSim(expression, _SOME_DAY)
    except (CronSimError, ValueError, AssertionError) as error:
        name = str(error).removeprefix("Bad ")
        raise InvalidCron(f"has a wrong {name}" if name else "can't be read") from None


def matches(expression: str, local: datetime) -> bool:
    """Tell whether a local time is one of the expression's, to the minute."""
    cron = parsed(expression)
    in_day = local.minute in cron.minutes and local.hour in cron.hours
    return in_day and local.month in cron.months and cron.match_day(local.date())
