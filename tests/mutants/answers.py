"""Mechanisms that keep a provider's odd answer from costing more than it should, each switched off."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

READING_VERBS, BODIES = "botticelli/drivers/reading/", "tests/unit/drivers/reading/test_bodies.py"
REDO_TESTS = "tests/integration/carousel/gates/test_redo.py"
GATE_TESTS = "tests/integration/carousel/gates/test_gates.py"
ANSWERS_TESTS, WAITS_TESTS = (
    "tests/integration/carousel/executor/test_odd_responses.py",
    "tests/unit/drivers/test_waits_answers.py",
)

ANSWERS = (
    Mutant(
        "a count of zero is not believed",
        READING_VERBS + "usage.py",
        "    if said_tokens == 0:\n        return bool(text.strip())\n",
        "    if said_tokens == 0:\n        return False\n",
        (BODIES, "-k", "usage-zero"),
    ),
    Mutant(
        "a count that is too small for its text is not believed",
        READING_VERBS + "usage.py",
        '    return most < estimate_tokens(_RUN.sub(r"\\1", text))\n',
        "    return False\n",
        (BODIES, "-k", "far-too-small"),
    ),
    Mutant(
        "an error inside a 200 is one",
        READING_VERBS + "wires.py",
        ' or body.get("error"):',
        ":",
        (BODIES, "-k", "error-429-in-200 or error-after-text"),
    ),
    Mutant(
        "what a begun answer took is charged",
        "botticelli/drivers/failures/sdk_errors.py",
        "        if failure.usage is not None:\n",
        "        if False:\n",
        (BODIES, "-k", "half-a-text"),
    ),
    Mutant(
        "an end that is none fails the act",
        "workers/outputs/response_checks.py",
        "    if response.finish_reason not in WHOLE:\n",
        "    if False:\n",
        ("tests/unit/workers/outputs/test_response_checks.py", "-k", "end_that_is_none"),
    ),
    Mutant(
        "what never left is not charged",
        "botticelli/spending/account.py",
        "        if not error.was_sent:\n",
        "        if False:\n",
        (ANSWERS_TESTS, "-k", "never_left"),
    ),
    Mutant(
        "a prompt that is empty is not sent",
        "workers/executor/act.py",
        "        if given.is_empty:\n",
        "        if False:\n",
        (ANSWERS_TESTS, "-k", "renders_to_nothing"),
    ),
    Mutant(
        "attempts of an earlier worker count",
        "workers/context/claims.py",
        "rejected=earlier[number].rejected,",
        "rejected=[],",
        (GATE_TESTS, "-k", "taken_over"),
    ),
    Mutant(
        "a text is compared again when it is accepted",
        "workers/executor/recording.py",
        "[] if row.verdict else list(near_copies(stage, tx, unique, row, recent=True))",
        "list[Failure]()",
        (REDO_TESTS, "-k", "at_the_same_time"),
    ),
    Mutant(
        "what a loop leaves is kept when its gate accepts",
        "workers/executor/recording.py",
        "if loop_end(acts, stage.position) != stage.position:",
        "if False:",
        (REDO_TESTS, "-k", "only_when_the_judge_accepts"),
    ),
    Mutant(
        "the ticket holds all attempts",
        "botticelli/carousel/plan/planned_calls.py",
        "attempts = [self, *([self.again] * (self.attempts - 1))]",
        "attempts = [self]",
        (GATE_TESTS, "-k", "ticket_holds"),
    ),
    Mutant(
        "what a failed try took counts for its run",
        "botticelli/store/queries/count_iterations.sql",
        "(where outcome = 'settled'), 0) as output_tokens",
        "(where outcome = 'settled' and failure is null), 0) as output_tokens",
        (ANSWERS_TESTS, "-k", "failed_try_that_took"),
    ),
    Mutant(
        "fields of an error come before its phrases",
        "botticelli/drivers/failures/verdicts.py",
        "    verdict = _transient(status, details, text)\n",
        "    verdict = None if 'plan and billing' in text else _transient(status, details, text)\n",
        (WAITS_TESTS, "-k", "plan-and-billing"),
    ),
    Mutant(
        "a measured spread lengthens the windows",
        "botticelli/budget/redis/lua/lib_scopes.lua",
        "spread and spread[2] > now and spread[1] or 0",
        "0",
        ("tests/integration/budget/test_budget_conformance.py", "-k", "TestRedisBudget and widened_scope_lengthens"),
    ),
    Mutant(
        "what is rounded off a cost is carried on",
        "botticelli/spending/account.py",
        "            self._rest[key] = exact - whole\n",
        "",
        ("tests/unit/spending/test_costs.py",),
    ),
)
