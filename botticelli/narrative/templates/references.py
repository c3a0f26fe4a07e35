"""Lists what a whole narrative refers to, for checks before a run is enqueued, such as missing variables."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from botticelli.narrative.model import Act, Narrative, Reference, Template
from botticelli.narrative.templates.reference_walk import references_in


def references(narrative: Narrative) -> Iterator[Reference]:
    """Yield every reference of a narrative in order, repeated ones as often as they are written."""
    if narrative.system is not None:
        yield from narrative.system.references
    for act in narrative.acts:
        yield from _references_of(act)


def missing_variables(narrative: Narrative, given: Collection[str] = ()) -> list[str]:
    """Return the names of `{var.NAME}` that are not `given` and have no default, in the order of their first use."""
    missing: dict[str, None] = {}
    for act in narrative.acts:
        known = {*given, *narrative.variables, *(act.scope.variables if act.scope else ())}
        named = (*_references_of(act), *(narrative.system.references if narrative.system and not act.scope else ()))
        variables = (reference.name for reference in named if reference.kind == "var")
        missing |= dict.fromkeys(name for name in variables if name not in known)
    return list(missing)


def literal_guilds(narrative: Narrative) -> list[str]:
    """Return the ids of the guilds that its commands name literally, without a reference; each once, sorted."""
    commands = (input_ for act in narrative.acts for input_ in act.inputs if input_.type == "bot_command")
    named = (command.args.get("guild_id") for command in commands)
    literal = (guild for guild in named if isinstance(guild, Template) and not guild.references)
    return sorted({"".join(str(part) for part in guild.parts) for guild in literal})


def _references_of(act: Act) -> Iterator[Reference]:
    yield from references_in(act.skip_if)
    yield from references_in(act.system)
    yield from references_in(act.inputs)
