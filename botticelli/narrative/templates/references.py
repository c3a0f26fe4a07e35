"""Lists what a whole narrative refers to, for checks before a run is enqueued, such as missing variables."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from botticelli.narrative.model import Act, Narrative, Reference, TableInput, Template
from botticelli.narrative.templates.reference_walk import references_in


def references(narrative: Narrative) -> Iterator[Reference]:
    """Yield every reference of a narrative in order, repeated ones as often as they are written."""
    if narrative.system is not None:
        yield from narrative.system.references
    yield from _references_of_rows(narrative)
    for act in narrative.acts:
        yield from _references_of(act)


def missing_variables(narrative: Narrative, given: Collection[str] = ()) -> list[str]:
    """Return the names of `{var.NAME}` that are not `given` and have no default, in the order of their first use."""
    missing: dict[str, None] = {}
    own = {*given, *narrative.variables}
    of_rows = (reference.name for reference in _references_of_rows(narrative) if reference.kind == "var")
    missing |= dict.fromkeys(name for name in of_rows if name not in own)
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


def _references_of_rows(narrative: Narrative) -> Iterator[Reference]:
    """Yield the references in the query of the rows that the narrative goes through."""
    foreach = narrative.carousel.foreach if narrative.carousel else None
    if foreach is not None and foreach.table is not None:
        yield from references_in(TableInput.model_validate(foreach.table))


def _references_of(act: Act) -> Iterator[Reference]:
    yield from references_in(act.skip_if)
    yield from references_in(act.system)
    yield from references_in(act.inputs)
    yield from references_in(act.foreach)
