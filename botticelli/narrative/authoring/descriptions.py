"""What each key of the language is for, in one line, for editors: by the name of its table in `keys`, then by the key."""

from __future__ import annotations

from collections.abc import Mapping

_MODEL = "Who answers: `provider/model`, or a bare name that a driver claims."
_TEMPERATURE = "From 0 (always the likeliest word) to 2."
_MAX_TOKENS = "The longest answer, in tokens."
_CAROUSEL = "How often this is repeated, and what happens when the budget is exhausted."
_BUDGET = "How much of the providers' limits may be used."
_REQUIRED = "true: when the command fails, the act fails. false: its failure becomes the input."

_ACT: Mapping[str, str] = {
    "prompt": "What is asked: the first text of the act.",
    "input": "What the act works with, in order: texts, bot commands, references to resources.",
    "system": "What the model is told about its part, for this act.",
    "character": "Who speaks: becomes `You are {character}.`, unless there is a system text.",
    "model": _MODEL,
    "temperature": _TEMPERATURE,
    "max_tokens": _MAX_TOKENS,
    "output_var": "The name under which the output is kept in state, for later acts and later runs.",
    "skip_if": "The act is skipped when this is there and true: `{state.KEY}`, `!{state.KEY}`, `{act.NAME.output} == word`.",
    "carousel": "How often this act is repeated within an iteration.",
    "format": "json: the answer must be JSON.",
    "history": "Whether the model sees what earlier acts asked and answered.",
    "retries": "How many failed calls of an iteration are made again.",
    "needs": "The acts that must be done before this one.",
    "narrative": "Another narrative, performed as this act.",
    "narrative_ref": "Another word for `narrative`.",
    "extract_output": "Store the JSON in the output as rows of content.",
    "skip_content_generation": "Store no rows of content from this act.",
    "name": "The name of the act.",
    "act_name": "Another word for `name`.",
    "scene": "Acts are performed by their scenes, when any act has one.",
}

EVERYWHERE = "*"
"""The table of what a key is for where its own table says nothing."""

_ANY_TABLE: Mapping[str, str] = {
    "type": "What kind of input this is.",
    "history_retention": "How later acts see this input: full, a summary, or not at all.",
    "allowed_commands": "Commands that may be performed: names, or a `*` for any part of one.",
    "require_confirmation": "true, or the commands that wait until somebody approves them.",
    "channel_prefix": "Commands may only name channels that begin so.",
    "guild_id": "Commands may only name this guild.",
    "policy": "Which commands are allowed, and which have to be approved.",
    "constraints": "Where commands may go.",
    "preserve_source": "Keep the rows that content was made from.",
    "cron": "Five fields: minute, hour, day, month, day of the week.",
    "every_seconds": "How long after the last time.",
    "timezone": "The zone of `cron`, by its IANA name.",
    "narrative": "A file beside this one, without `.toml`, or another narrative of this file.",
    "name": "Its name.",
    "description": "What it is for, in a line.",
    "url": "The address it is fetched from.",
    "base64": "The data itself.",
    "file": "A file beside the narrative.",
    "mime": "The type of the data, such as `image/png`; else that of its name.",
    "filename": "The name under which it is handed on.",
    "table_name": "The table that is read.",
    "columns": "Only these columns.",
    "where": "Which rows: comparisons with and, or, not.",
    "where_clause": "Another word for `where`.",
    "filter": "Which rows, as a list of comparisons.",
    "column": "The column that is compared.",
    "op": "How it is compared.",
    "value": "What it is compared with.",
    "order_by": "The order of the rows, such as `created_at desc`.",
    "limit": "At most so many rows.",
    "offset": "Leave out so many rows first.",
    "sample": "Rows at random: true, or how many.",
    "format": "How the rows are written.",
    "alias": "The name under which templates know the rows.",
    "pull_and_delete": "Remove the rows that were read.",
}

DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    EVERYWHERE: _ANY_TABLE,
    "ROOT": {
        "narrative": "Name, model, variables and carousel of the narrative.",
        "metadata": "Another word for `narrative`.",
        "toc": "The order of the acts.",
        "acts": "The acts by name, performed in this order unless there is a toc.",
        "act": "The acts, one after the other.",
        "carousel": _CAROUSEL,
        "bots": "Bot commands by name, for acts to refer to as `bots.NAME`.",
        "tables": "Table queries by name, for acts to refer to as `tables.NAME`.",
        "media": "Media by name, for acts to refer to as `media.NAME`.",
        "security": "Which commands are allowed, and where.",
        "narratives": "Narratives by name.",
    },
    "NARRATIVE": {
        "name": "What the narrative is called; else the name of the file.",
        "description": "What it is for, in a line.",
        "model": _MODEL,
        "temperature": _TEMPERATURE,
        "max_tokens": _MAX_TOKENS,
        "system": "What the model is told about its part, for every act without a system text of its own.",
        "skip_content_generation": "Store no rows of content.",
        "carousel": _CAROUSEL,
        "budget": _BUDGET,
        "variables": "Defaults of `{var.NAME}`, which `--var NAME=VALUE` replaces.",
        "target": "The content table that the output becomes rows of.",
        "template": "A table whose columns the output is to have.",
        "schedule": "When the narrative is performed by itself.",
    },
    "TOC": {
        "order": "Names of acts; the same act may stand here twice.",
        "carousel": "A carousel of so many iterations.",
    },
    "CAROUSEL": {
        "iterations": "How often.",
        "estimated_tokens_per_iteration": "What one iteration takes, all calls together; else it is estimated.",
        "continue_on_error": "Go on after an iteration that has failed.",
        "concurrency": "How many iterations are performed side by side.",
        "on_budget_exhausted": "stop: the run ends. wait: it goes on when the limit has room again.",
        "max_wait_seconds": "The longest wait for a limit, one after the other counted as one.",
        "retries": "How many failed calls of an iteration are made again.",
        "max_tokens_total": "No iteration is started that would pass so many tokens.",
        "max_cost_usd": "No iteration is started that would pass so many US dollars.",
        "budget": _BUDGET,
    },
    "BUDGET": {
        "rpm_multiplier": "This part of the requests per minute.",
        "tpm_multiplier": "This part of the tokens per minute.",
        "rpd_multiplier": "This part of the requests per day.",
    },
    "ACT": _ACT,
    "LISTED_ACT": _ACT,
    "TEXT_INPUT": {
        "type": "What kind of input this is.",
        "content": "The text itself.",
        "file": "The text is in this file, beside the narrative.",
    },
    "COMMAND_INPUT": {
        "type": "What kind of input this is.",
        "platform": "Who performs it.",
        "command": "`noun.verb`, such as `channels.create`.",
        "args": "The arguments of the command.",
        "required": _REQUIRED,
    },
    "RESOURCE_INPUT": {"ref": "A resource of this file: `bots.NAME`.", "required": _REQUIRED},
    "BOT": {
        "platform": "Who performs it.",
        "command": "`noun.verb`, such as `channels.create`. Every key that is not its own is an argument.",
        "args": "The arguments of the command.",
        "required": _REQUIRED,
    },
}
