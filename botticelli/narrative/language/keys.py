"""Lists the keys of every table of the language with their rules. Source: the reference page of the language."""

from __future__ import annotations

import math
import re
from datetime import date

from botticelli.messages import SERVICE_TIERS
from botticelli.narrative.gate import MAX_ATTEMPTS
from botticelli.narrative.language.value_rules import (
    ANYTHING,
    FLAG,
    IDENTIFIER,
    LINE,
    LIST,
    TABLE,
    TEXT,
    Keys,
    Rule,
    duration,
    matching,
    number,
    one_of,
    whole,
)
from botticelli.narrative.model import MEDIA_KINDS
from botticelli.schedules.schedule_policies import CATCH_UPS, OVERLAPS
from botticelli.untrusted.durations import MAX_SECONDS, parse_seconds

ALLOWED = matching(re.compile(r"[A-Za-z0-9_.*]{1,128}"), 'the name of a command, such as "messages.send"')


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


_MAX_TEMPERATURE = 2
_TEMPERATURE = number(f"from 0 to {_MAX_TEMPERATURE}", lambda value: 0 <= value <= _MAX_TEMPERATURE)
_SHARE = number("over 0 and up to 1", lambda value: 0 < value <= 1)
_TOP_P = number("over 0 and up to 1", lambda value: 0 < value <= 1)
_THINKING = one_of("off", "low", "medium", "high")
_SERVICE_TIER = one_of(*SERVICE_TIERS)
_POSITIVE = number("over 0", lambda value: value > 0)
_MAX_TOKENS_TOTAL = 2**53
MAX_MODELS = 8


def _is_models(value: object) -> bool:
    """Accept a name, or a list of different names."""
    if isinstance(value, list):
        return 0 < len(value) <= MAX_MODELS and all(map(LINE.accepts, value)) and len(set(value)) == len(value)
    return LINE.accepts(value)


_MODELS = Rule(f"a model, or a list of up to {MAX_MODELS} different models, the preferred one first", _is_models)
CALL_PARAMETERS = {
    "temperature": _TEMPERATURE,
    "top_p": _TOP_P,
    "max_tokens": whole(1),
    "thinking": _THINKING,
    "service_tier": _SERVICE_TIER,
}

LINES = Rule(
    "text or a list of texts",
    lambda value: LINE.accepts(value) or (isinstance(value, list) and value != [] and all(map(LINE.accepts, value))),
    {"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1},
)
MOMENT = Rule("a date and a time", lambda value: isinstance(value, date) or LINE.accepts(value))
DAYS = Rule(
    "a list of days, ranges of days and cron expressions",
    lambda value: isinstance(value, list) and all(isinstance(day, date) or LINE.accepts(day) for day in value),
    {"type": "array"},
)

VARIABLE = Rule(
    "text, a number, true or false",
    lambda value: FLAG.accepts(value) or TEXT.accepts(value) or _is_number(value),
    {"type": ["string", "number", "boolean"]},
)
GUILD = Rule(
    "text or a whole number",
    lambda value: TEXT.accepts(value) or type(value) is int,
    {"type": ["string", "integer"]},
)
CONFIRMATION = Rule(
    "true, false or a list", lambda value: isinstance(value, bool | list), {"type": ["boolean", "array"]}
)
SCHEMA = Rule(
    "the name of a file, a content table, or a table",
    lambda value: isinstance(value, str | dict),
    {"type": ["string", "object"]},
)
REPEATS = Rule("a table or true", lambda value: isinstance(value, bool | dict))
COMMAND = matching(re.compile(r"[A-Za-z_]\w{0,63}(?:\.\w{1,64}){0,7}", re.ASCII), 'a name such as "messages.send"')

MIME = matching(re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(?:;.{0,80})?", re.ASCII), 'a type such as "image/png"')
CONTENT_TABLE = matching(re.compile(r"[a-z_][a-z0-9_]{0,62}"), 'a table name such as "potential_posts"')
TABLE_NAME = matching(
    re.compile(r"(?!pg_|information_schema)[a-z_][a-z0-9_]{0,62}(?:\.(?!pg_)[a-z_][a-z0-9_]{0,62})?"),
    'a name such as "posts" or "schema.posts"',
)
_CONTENT_COLUMN = matching(
    re.compile(r"content\.[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}"),
    'a column of a content table, such as "content.posts.body"',
)
MAX_ROWS = 1000


def _is_sample(value: object) -> bool:
    return value is True or (type(value) is int and 1 <= value <= MAX_ROWS)


def _is_duration(value: object) -> bool:
    seconds = parse_seconds(value) if isinstance(value, str) else None
    return seconds is not None and 0 < seconds <= MAX_SECONDS


_DURATION = Rule('a duration such as "90d" or "12h"', _is_duration, {"type": "string"})
_ORDER_BY = Rule(
    "text or a list of texts",
    lambda value: isinstance(value, str | list),
    {"type": ["string", "array"], "items": {"type": "string"}},
)
_SOURCE = Rule(
    'a table, a list of tables, or "tables.NAME"',
    lambda value: isinstance(value, dict | list) or LINE.accepts(value),
)


def _is_key(value: object) -> bool:
    """Accept a column, or a list of different columns."""
    if isinstance(value, list):
        return len(value) > 0 and all(map(LINE.accepts, value)) and len(set(value)) == len(value)
    return LINE.accepts(value)


_KEY = Rule(
    "a column, or a list of different columns",
    _is_key,
    {"type": ["string", "array"], "items": {"type": "string"}},
)
_TEXTS = Rule(
    "text or a list of texts",
    lambda value: TEXT.accepts(value) or (isinstance(value, list) and bool(value) and all(map(TEXT.accepts, value))),
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
)
_SAMPLE = Rule(
    f"true or a whole number from 1 to {MAX_ROWS}",
    _is_sample,
    {"anyOf": [{"const": True}, {"type": "integer", "minimum": 1, "maximum": MAX_ROWS}]},
)


ROOT = Keys(
    known={
        "narrative": TABLE,
        "metadata": TABLE,
        "toc": ANYTHING,
        "acts": ANYTHING,
        "act": LIST,
        "carousel": TABLE,
        "bots": TABLE,
        "tables": TABLE,
        "media": TABLE,
        "security": TABLE,
        "narratives": TABLE,
    }
)

NARRATIVE = Keys(
    known={
        "name": IDENTIFIER,
        "description": TEXT,
        "model": _MODELS,
        **CALL_PARAMETERS,
        "system": TEXT,
        "target": CONTENT_TABLE,
        "template": TABLE_NAME,
        "skip_content_generation": FLAG,
        "preserve_source": FLAG,
        "carousel": TABLE,
        "budget": TABLE,
        "variables": TABLE,
        "schedule": TABLE,
    },
    tolerated=("title", "author", "version", "tags"),
)

OWN = ("toc", "acts", "act")
"""Keys of acts and order that a narrative may have in its own table, in place of or beside those of the file."""

REFERRING = Keys(
    known={"narrative": LINE, "name": IDENTIFIER, "description": TEXT},
    tolerated=NARRATIVE.tolerated,
)
"""Keys of `[narratives.NAME] narrative = "file"`, which gives a narrative of another file a name in this one."""

SCHEDULE = Keys(
    known={
        "name": IDENTIFIER,
        "cron": LINES,
        "every_seconds": duration("from 1", lambda value: value >= 1),
        "anchor": MOMENT,
        "timezone": LINE,
        "exclude": DAYS,
        "starts_at": MOMENT,
        "ends_at": MOMENT,
        "jitter_seconds": duration("from 0", lambda value: value >= 0),
        "overlap": one_of(*OVERLAPS),
        "catch_up": one_of(*CATCH_UPS),
        "catch_up_seconds": duration("from 0", lambda value: value >= 0),
        "max_runs": whole(1),
        "pause_after_failures": whole(1),
        "live": FLAG,
        "variables": TABLE,
        "iterations": whole(1),
        "tags": LIST,
        "tiers": TABLE,
        "tenant": LINE,
        "service_tier": _SERVICE_TIER,
        "rehearse": FLAG,
        "only_new": FLAG,
        "skip_bad": FLAG,
        "limit": whole(1),
    }
)
SCHEDULE_REQUEST = (
    *("variables", "iterations", "tags", "tiers", "tenant", "service_tier", "rehearse"),
    *("only_new", "skip_bad", "limit"),
)
"""Keys of a schedule that are options of its runs."""

SECURITY = Keys(known={"policy": TABLE, "constraints": TABLE})
POLICY = Keys(known={"allowed_commands": LIST, "require_confirmation": CONFIRMATION})
CONSTRAINTS = Keys(known={"guild_id": GUILD, "channel_prefix": TEXT, "channel_ids": LIST})

TOC = Keys(known={"order": LIST, "carousel": whole(1)})

CAROUSEL = Keys(
    known={
        "iterations": whole(1),
        "foreach": _SOURCE,
        "key": _KEY,
        "batch_rows": whole(1, MAX_ROWS),
        "estimated_tokens_per_iteration": whole(0),
        "continue_on_error": FLAG,
        "concurrency": whole(1),
        "on_budget_exhausted": one_of("stop", "wait"),
        "max_wait_seconds": duration("over 0", lambda value: value > 0),
        "retries": whole(0),
        "max_tokens_total": whole(1, _MAX_TOKENS_TOTAL),
        "max_cost_usd": _POSITIVE,
        "budget": TABLE,
    }
)

FOREACH = Keys(
    known={
        "file": LINE,
        "run": LINE,
        "act": LINE,
        "format": one_of("csv", "tsv", "jsonl", "parquet"),
        "encoding": LINE,
        "delimiter": matching(re.compile(r"[^\r\n\"]"), "one character, such as a comma"),
    }
)

BUDGET = Keys(known={"rpm_multiplier": _SHARE, "tpm_multiplier": _SHARE, "rpd_multiplier": _SHARE})

ACT = Keys(
    known={
        "prompt": TEXT,
        "input": LIST,
        "system": TEXT,
        "character": LINE,
        "model": _MODELS,
        **CALL_PARAMETERS,
        "output_var": IDENTIFIER,
        "skip_if": TEXT,
        "carousel": REPEATS,
        "narrative": LINE,
        "narrative_ref": LINE,
        "needs": LIST,
        "format": one_of("text", "json"),
        "schema": SCHEMA,
        "history": FLAG,
        "retries": whole(0),
        "extract_output": FLAG,
        "skip_content_generation": FLAG,
        "checks": TABLE,
        "accept_if": TEXT,
        "redo": IDENTIFIER,
        "unique": TABLE,
        "attempts": whole(1, MAX_ATTEMPTS),
        "otherwise": one_of("fail", "review", "keep"),
    }
)

UNIQUE = Keys(known={"column": _CONTENT_COLUMN, "within": _DURATION, "threshold": _SHARE})

CHECKS = Keys(
    known={
        "field": LINE,
        "min_chars": whole(1),
        "max_chars": whole(1),
        "must_match": _TEXTS,
        "must_not_match": _TEXTS,
        "language": _TEXTS,
        "no_links": FLAG,
        "no_mentions": FLAG,
    }
)

LISTED_ACT = Keys(known={"name": IDENTIFIER, "act_name": IDENTIFIER, "scene": whole(0), **ACT.known})

INPUT_TYPES = ("text", "bot_command", "narrative", *MEDIA_KINDS, "table")

ANY_INPUT = {"type": TEXT, "history_retention": one_of("full", "summary", "drop"), "required": FLAG}

TEXT_INPUT = Keys(known={**ANY_INPUT, "content": TEXT, "file": TEXT})

_COMMAND = {"platform": IDENTIFIER, "command": COMMAND, "args": TABLE, "required": FLAG}

COMMAND_INPUT = Keys(known={**ANY_INPUT, **_COMMAND})

MEDIA = Keys(known={**ANY_INPUT, "url": TEXT, "base64": TEXT, "file": TEXT, "mime": MIME, "filename": LINE})

TABLE_INPUT = Keys(
    known={
        **ANY_INPUT,
        "table_name": TABLE_NAME,
        "columns": LIST,
        "where": TEXT,
        "where_clause": TEXT,
        "filter": LIST,
        "order_by": _ORDER_BY,
        "limit": whole(1, MAX_ROWS),
        "offset": whole(0),
        "sample": _SAMPLE,
        "format": one_of("json", "markdown", "csv"),
        "alias": IDENTIFIER,
        "pull_and_delete": FLAG,
    }
)

FILTER = Keys(known={"column": TEXT, "op": TEXT, "value": ANYTHING})

NARRATIVE_INPUT = Keys(known={**ANY_INPUT, "name": LINE})

RESOURCE_INPUT = Keys(known={**ANY_INPUT, "ref": TEXT, "required": FLAG})

BOT = Keys(
    known={
        **_COMMAND,
        "history_retention": ANY_INPUT["history_retention"],
        **POLICY.known,
        "channel_prefix": TEXT,
    }
)
"""Keys of a bot; every other key is an argument of its command."""
