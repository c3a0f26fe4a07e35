"""All mutants by name, and those that the usual suite performs: one of each group."""

from __future__ import annotations

from tests.mutants.answers import ANSWERS
from tests.mutants.budget import BUDGET
from tests.mutants.doors import DOORS
from tests.mutants.notices import NOTICES
from tests.mutants.recovery import EFFECTS, MESSAGES, RECOVERY

GROUPS = (BUDGET, RECOVERY, EFFECTS, MESSAGES, ANSWERS, NOTICES, DOORS)
"""The first of each group is the one for the usual suite: choose one that is quick."""

MUTANTS = {mutant.name: mutant for group in GROUPS for mutant in group}
SHORT = [group[0].name for group in GROUPS]
