"""Makes the text of docs/reference/discord.md from the catalogue. Writes no file."""

from __future__ import annotations

from botticelli.platforms.discord.catalogue.catalogue import Catalogue, Entry, catalogue
from botticelli.platforms.protocol import Arg

HEAD = """# Discord's commands

Made from the catalogue, `botticelli/platforms/discord/catalogue/catalogue.toml`. How to set up a bot is in
[Discord, by example](../howto/discord.md).

In the tables `*` marks what a command needs. Ids are texts of digits; numbers and true or false may be written as text.
`guild_id` is needed only where nothing else says the place; `platforms.discord.options.guild_id` is taken where a
command needs it and doesn't say it. An argument that a command doesn't have, and a value of a wrong kind, are found
before a run starts, and again when templates are filled in. A number beyond a limit becomes the limit, with a warning.

**Again** says what happens when a worker or an answer was lost, and nobody knows whether the command was done:

| again | meaning |
| --- | --- |
| `idempotent` | it is done again; twice is the same as once |
| `nonce` | its message is looked for, then sent with the same nonce, by which Discord tells a repetition |
| `lookup` | what it would make is looked for by name, time and the mark in the audit log, and made only if it isn't there |
| `read` | it changes nothing |

**Keeps** is the kind under which the id is kept in state: `discord.GUILD.KIND.NAME`, with the name of what was made; a
message has the name of the act's `output_var`, or of the act. Each entry is `{"id", "name", "created_at", "metadata"}`.
What is deleted by a command, and what Discord says doesn't exist, is removed from state.
"""
NAMES = """
## Names that are often guessed

| written | meant |
| --- | --- |
"""


def page() -> str:
    commands = catalogue()
    families: dict[str, list[Entry]] = {}
    for name, entry in commands.entries.items():
        families.setdefault(name.partition(".")[0], []).append(entry)
    parts = [
        HEAD,
        *(_family(name, entries) for name, entries in families.items()),
        _arguments(commands),
        NAMES.lstrip("\n"),
    ]
    guesses = "".join(f"| `{written}` | `{meant}` |\n" for written, meant in commands.mistakes.items())
    return "\n".join(parts) + guesses


def _family(name: str, entries: list[Entry]) -> str:
    rows = [_row(entry) for entry in entries]
    head = "| command | arguments | answers | again | keeps | the bot needs |\n| --- | --- | --- | --- | --- | --- |"
    return "\n".join([f"## {name}", "", head, *rows, ""])


def _row(entry: Entry) -> str:
    spec = entry.spec
    args = " ".join(_argument(name, arg) for name, arg in (spec.args or {}).items())
    again = spec.repeat if spec.writes else "read"
    keeps = f"`{spec.captures}`" if spec.captures else ("removes" if entry.deletes else "")
    needs = " ".join(f"`{need}`" for need in spec.needs)
    return f"| `{spec.name}` | {args} | {_answer(entry)} | {again} | {keeps} | {needs} |"


def _argument(name: str, arg: Arg) -> str:
    limits = f" {arg.least} to {arg.most}, else {arg.default}" if arg.default is not None else ""
    return f"`{name}`{'*' if arg.required else ''}{limits}"


def _answer(entry: Entry) -> str:
    if isinstance(entry.answer, str):
        shape = entry.answer.strip("[]")
        return ("a list of " if entry.answer.startswith("[") else "") + f"{shape.replace('_', ' ')}"
    return " ".join(f"`{name}`" for name in entry.answer or ANSWERS[entry.steps or ""].split())


ANSWERS = {
    "server_stats": "guild_id name member_count description icon_url banner_url owner_id verification_level premium_tier"
    " premium_subscription_count",
    "create_channel": "id name kind position guild_id",
    "get_or_create_channel": "id name kind position guild_id existed",
    "create_role": "id name color hoist position permissions mentionable",
    "ban_member": "banned guild_id user_id",
    "time_out_member": "timed_out guild_id user_id duration_seconds timeout_until",
    "edit_member": "guild_id user_id changes",
    "send_message": "id channel_id content timestamp tts ids",
    "edit_message": "id content edited_timestamp",
    "clear_messages": "cleared channel_id",
    "bulk_delete_messages": "success deleted_count",
    "remove_reaction": "removed channel_id message_id emoji user_id",
    "list_reactions": "users count",
    "create_thread": "thread_id name type",
    "list_threads": "threads count",
    "create_post": "thread_id name type",
    "list_posts": "id name message_count",
    "create_event": "event_id name",
    "edit_event": "success event_id",
}
"""Notes on commands that use more than one route."""


def _arguments(commands: Catalogue) -> str:
    known = {name: arg for entry in commands.entries.values() for name, arg in (entry.spec.args or {}).items()}
    rows = [f"| `{name}` | {arg.type} | {_limits(arg)} | {arg.meaning} |" for name, arg in sorted(known.items())]
    head = "| argument | type | limits, other names | meaning |\n| --- | --- | --- | --- |"
    objects = "\n".join(
        f"| {name.replace('_', ' ')} | {' '.join(f'`{field}`' for field in fields)} |"
        for name, fields in commands.shapes.items()
    )
    shapes = f"## Objects\n\n| object | fields |\n| --- | --- |\n{objects}\n"
    return "\n".join(["## Arguments", "", head, *rows, "", shapes])


def _limits(arg: Arg) -> str:
    parts = []
    if arg.choices:
        parts.append("one of " + ", ".join(f"`{choice}`" for choice in arg.choices))
    if arg.type in ("text", "list") and arg.most:
        parts.append(f"up to {arg.most} {'characters' if arg.type == 'text' else 'items'}")
    elif arg.most is not None and arg.default is None:
        parts.append(f"{arg.least} to {arg.most}")
    if arg.aliases:
        parts.append("also " + ", ".join(f"`{alias}`" for alias in arg.aliases))
    return "; ".join(parts)
