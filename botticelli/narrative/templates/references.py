"""What a whole narrative refers to: for checks before a run is enqueued, such as a variable that nobody gave."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from botticelli.narrative.model import Act, Narrative, Reference, Template
from botticelli.narrative.templates.reference_walk import references_in


def references(narrative: Narrative) -> Iterator[Reference]:
    """Every reference of a narrative in order, repeated ones as often as they are written."""
    if narrative.system is not None:
        yield from narrative.system.references
    for act in narrative.acts:
        yield from _of_act(act)


def missing_variables(narrative: Narrative, given: Collection[str] = ()) -> list[str]:
    """Names of `{var.NAME}` that are neither `given` nor have a default; in the order of their first use."""
    missing: dict[str, None] = {}
    for act in narrative.acts:
        known = {*given, *narrative.variables, *(act.scope.variables if act.scope else ())}
        named = (*_of_act(act), *(narrative.system.references if narrative.system and not act.scope else ()))
        missing |= dict.fromkeys(one.name for one in named if one.kind == "var" and one.name not in known)
    return list(missing)


def guilds_of(narrative: Narrative) -> list[str]:
    """The guilds that its commands name in so many words, each once, sorted."""
    commands = (one for act in narrative.acts for one in act.inputs if one.type == "bot_command")
    named = (command.args.get("guild_id") for command in commands)
    literal = (guild for guild in named if isinstance(guild, Template) and not guild.references)
    return sorted({"".join(str(part) for part in guild.parts) for guild in literal})


def _of_act(act: Act) -> Iterator[Reference]:
    yield from references_in(act.skip_if)
    yield from references_in(act.system)
    yield from references_in(act.inputs)
