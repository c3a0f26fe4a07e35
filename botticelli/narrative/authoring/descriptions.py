"""Describes each key of the language in one line, for editors: by the name of its table in `keys`, then by the key."""

from __future__ import annotations

from collections.abc import Mapping

_MODEL = "The model: `provider/model`, or a bare name that a driver claims."
_TEMPERATURE = "The randomness of the answer, from 0 (always the likeliest word) to 2."
_MAX_TOKENS = "The longest answer, in tokens."
_CAROUSEL = "Repeats this, and says what happens when the budget is exhausted."
_BUDGET = "How much of the providers' limits may be used."
_REQUIRED = "true: when the command fails, the act fails. false: its failure becomes the input."

_ACT: Mapping[str, str] = {
    "prompt": "The prompt: the first text of the act.",
    "input": "The inputs of the act, in order: texts, media, bot commands, table queries, references to resources.",
    "system": "The system text for this act.",
    "character": "A role for the model: becomes the system text `You are {character}.`, unless there is one.",
    "model": _MODEL,
    "temperature": _TEMPERATURE,
    "max_tokens": _MAX_TOKENS,
    "output_var": "The name under which the output is kept in state, for later acts and later runs.",
    "skip_if": "Skips the act when this exists and is true: `{state.KEY}`, `!{state.KEY}`, `{act.NAME.output} == word`.",
    "carousel": "How often this act is repeated within an iteration.",
    "format": "json: the answer must be JSON.",
    "history": "Whether the model sees the prompts and answers of earlier acts.",
    "retries": "How many failed calls of an iteration are retried.",
    "needs": "The acts that must be done before this one.",
    "narrative": "Another narrative, performed as this act.",
    "narrative_ref": "Another name for `narrative`.",
    "extract_output": "Store the JSON in the output as rows of content.",
    "skip_content_generation": "Store no rows of content from this act.",
    "name": "The name of the act.",
    "act_name": "Another name for `name`.",
    "scene": "A number that orders the acts; one without a scene follows the act before it.",
}

EVERYWHERE = "*"
"""Table of descriptions for keys that their own table does not describe."""

_ANY_TABLE: Mapping[str, str] = {
    "type": "The type of this input.",
    "history_retention": "How later acts see this input: full, a summary, or not at all.",
    "allowed_commands": "Commands that may be performed: names, with `*` for any part of a name.",
    "require_confirmation": "true, or the commands that need approval.",
    "channel_prefix": "Commands may only name channels whose names begin with this.",
    "guild_id": "Commands may only name this guild.",
    "policy": "Which commands are allowed, and which need approval.",
    "constraints": "The guilds and channels that commands may use.",
    "preserve_source": "Keep the rows that content was made from.",
    "cron": "Five fields: minute, hour, day, month, day of the week.",
    "every_seconds": "Seconds between two runs.",
    "timezone": "The time zone of `cron`, by its IANA name.",
    "narrative": "A file beside this one, without `.toml`, or another narrative of this file.",
    "name": "Its name.",
    "description": "A description in one line.",
    "url": "The address it is fetched from.",
    "base64": "The data in base64.",
    "file": "A file beside the narrative.",
    "mime": "The MIME type of the data, such as `image/png`; by default that of its file name.",
    "filename": "The file name that is passed to the model.",
    "table_name": "The table that is read.",
    "columns": "The columns that are read; by default all of them.",
    "where": "Which rows: comparisons with and, or, not.",
    "where_clause": "Another name for `where`.",
    "filter": "Which rows, as a list of comparisons.",
    "column": "The column that is compared.",
    "op": "The comparison, such as `=`, `<`, `like` or `in`.",
    "value": "The value that the column is compared with.",
    "order_by": "The order of the rows, such as `created_at desc`.",
    "limit": "The greatest number of rows.",
    "offset": "The number of rows to skip first.",
    "sample": "Random rows: true, or how many.",
    "format": "The format of the rows.",
    "alias": "A name that is written above the rows.",
    "pull_and_delete": "Delete the rows that were read.",
}

DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    EVERYWHERE: _ANY_TABLE,
    "ROOT": {
        "narrative": "Name, model, variables and carousel of the narrative.",
        "metadata": "Another name for `narrative`.",
        "toc": "The order of the acts.",
        "acts": "The acts by name, performed in this order unless there is a toc.",
        "act": "The acts as a list, performed in this order unless there is a toc.",
        "carousel": _CAROUSEL,
        "bots": "Bot commands by name, for acts to refer to as `bots.NAME`.",
        "tables": "Table queries by name, for acts to refer to as `tables.NAME`.",
        "media": "Media by name, for acts to refer to as `media.NAME`.",
        "security": "Which commands are allowed, and in which guilds and channels.",
        "narratives": "Narratives by name.",
    },
    "NARRATIVE": {
        "name": "The name of the narrative; by default the name of the file.",
        "description": "A description in one line.",
        "model": _MODEL,
        "temperature": _TEMPERATURE,
        "max_tokens": _MAX_TOKENS,
        "system": "The system text for every act without one of its own.",
        "skip_content_generation": "Store no rows of content.",
        "carousel": _CAROUSEL,
        "budget": _BUDGET,
        "variables": "Defaults of `{var.NAME}`, which `--var NAME=VALUE` replaces.",
        "target": "The content table that rows from the output are stored in.",
        "template": "A table whose columns are the schema of the output.",
        "schedule": "When the narrative is to be run; Botticelli does not start it.",
    },
    "TOC": {
        "order": "The names of acts in order; the same act may be listed twice.",
        "carousel": "The number of iterations.",
    },
    "CAROUSEL": {
        "iterations": "The number of iterations.",
        "estimated_tokens_per_iteration": "Tokens of one iteration, all calls together; by default estimated.",
        "continue_on_error": "Continue after a failed iteration.",
        "concurrency": "How many iterations run at the same time.",
        "on_budget_exhausted": "stop: the run ends. wait: it continues when the limit has room again.",
        "max_wait_seconds": "The longest wait for a limit, in seconds; consecutive waits count as one.",
        "retries": "How many failed calls of an iteration are retried.",
        "max_tokens_total": "Starts no iteration that would exceed this many tokens.",
        "max_cost_usd": "Starts no iteration that would exceed this many US dollars.",
        "budget": _BUDGET,
    },
    "BUDGET": {
        "rpm_multiplier": "The share of the requests per minute.",
        "tpm_multiplier": "The share of the tokens per minute.",
        "rpd_multiplier": "The share of the requests per day.",
    },
    "ACT": _ACT,
    "LISTED_ACT": _ACT,
    "TEXT_INPUT": {
        "type": "The type of this input.",
        "content": "The text itself.",
        "file": "A file beside the narrative that holds the text.",
    },
    "COMMAND_INPUT": {
        "type": "The type of this input.",
        "platform": "The platform that performs it.",
        "command": "`noun.verb`, such as `channels.create`.",
        "args": "The arguments of the command.",
        "required": _REQUIRED,
    },
    "RESOURCE_INPUT": {"ref": "A resource of this file: `bots.NAME`.", "required": _REQUIRED},
    "BOT": {
        "platform": "The platform that performs it.",
        "command": "`noun.verb`, such as `channels.create`. Every key that is not its own is an argument.",
        "args": "The arguments of the command.",
        "required": _REQUIRED,
    },
}
