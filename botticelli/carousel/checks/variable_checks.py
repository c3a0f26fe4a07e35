"""Checks the variables that a run is given against those that its narrative reads. Stores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botticelli.errors import InvalidInput
from botticelli.narrative import missing_variables, references
from botticelli.narrative.model import Narrative
from botticelli.narrative.source.problems import nearest


def check_variables(narrative: Narrative, given: Mapping[str, str]) -> None:
    """Raise InvalidInput for a variable without a value, and for a value without a variable."""
    missing = missing_variables(narrative, given)
    if missing:
        named = ", ".join(f"{{var.{name}}}" for name in missing)
        do = " ".join(f"--var {name}=VALUE" for name in missing)
        guess = _meant_variable(narrative, missing)
        raise InvalidInput(
            f"no value for {named}", do=f"{guess}give {'one' if len(missing) == 1 else 'them'} with {do}"
        )
    inner = (act.scope.variables for act in narrative.acts if act.scope)
    known = {
        *narrative.variables,
        *(name for names in inner for name in names),
        *(reference.name for reference in references(narrative) if reference.kind == "var"),
    }
    unused = sorted(given.keys() - known)
    if unused:
        offer = ", ".join(sorted(known)) or "none"
        raise InvalidInput(f"the narrative has no variable {unused[0]!r}", do=f"its variables: {offer}")


def _meant_variable(narrative: Narrative, missing: Sequence[str]) -> str:
    """Return the beginning of a hint with the variable that is closest to the first missing name."""
    names = sorted(narrative.variables)
    near = ((name, nearest(name, names)) for name in missing)
    return next((f"did you mean {{var.{guess}}} by {{var.{name}}}? Else " for name, guess in near if guess), "")
