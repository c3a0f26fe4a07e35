"""Orders tests so that what takes long begins first, and on different workers of pytest-xdist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
SECONDS = {
    "tests/acceptance/test_docs.py::test_commands_do_what_the_document_shows": 170,
    "tests/integration/discord/test_odd_answers.py": 170,
    "tests/acceptance/workers/test_life.py": 170,
    "tests/acceptance/providers/test_discord.py": 105,
    "tests/acceptance/commands/test_run.py": 105,
    "tests/acceptance/commands/test_json_lines.py": 100,
    "tests/integration/budget/test_budget_machine.py": 90,
    "tests/mutants/test_mutants.py::test_tests_turn_red_without": 90,
    "tests/acceptance/workers/test_prefork.py": 90,
    "tests/integration/drivers/test_sdk_drivers.py": 80,
    "tests/chaos/test_crash_points.py": 80,
    "tests/acceptance/commands/test_settings_mistakes.py": 75,
    "tests/chaos/test_last_act_crash.py": 75,
    "tests/acceptance/test_docs.py::test_tutorial_and_operate_after_it_in_the_same_folder_do_what_they_show": 75,
    "tests/integration/discord/test_approvals.py": 70,
    "tests/acceptance/workers/test_fleet.py": 70,
    "tests/acceptance/workers/test_failures.py": 70,
    "tests/integration/carousel/executor/test_models.py": 65,
    "tests/acceptance/providers/test_models.py": 65,
    "tests/integration/budget/test_budget_audit.py": 60,
    "tests/acceptance/packaging/test_lock_install.py": 60,
    "tests/integration/services/test_services_control.py": 55,
    "tests/chaos/test_bars.py": 50,
    "tests/acceptance/workers/test_servers.py": 50,
    "tests/integration/services/test_services_recovery.py": 50,
    "tests/integration/discord/test_effects.py": 50,
    "tests/integration/services/test_services_lifecycle.py": 45,
    "tests/acceptance/commands/test_state.py": 45,
    "tests/chaos/test_campaign.py": 40,
    "tests/integration/carousel/executor/test_odd_responses.py": 40,
    "tests/acceptance/providers/test_local_model.py": 40,
    "tests/chaos/test_kills.py": 40,
    "tests/integration/drivers/test_sdk_answers.py": 35,
    "tests/integration/carousel/control/test_run_control.py": 35,
    "tests/acceptance/workers/test_hostile_messages.py": 35,
    "tests/acceptance/workers/test_run_control.py": 35,
    "tests/acceptance/commands/test_wire.py": 30,
    "tests/integration/discord/test_policy.py": 30,
    "tests/acceptance/workers/test_waiting.py": 30,
    "tests/integration/budget/test_budget_conformance.py": 30,
    "tests/integration/discord/test_commands.py": 30,
    "tests/integration/drivers/test_published_rate.py": 30,
    "tests/chaos/rows/test_rows_under_kills.py": 30,
    "tests/chaos/typed/test_repair_crash.py": 30,
    "tests/acceptance/packaging/test_wheel.py": 25,
    "tests/integration/notices/test_delivery.py": 25,
    "tests/integration/tracing/test_traces.py": 25,
    "tests/chaos/test_gate_crash.py": 25,
    "tests/chaos/test_odd_answers.py": 25,
}
"""About how long the tests of a module, or one test with all its parameters, take on a busy machine. Others are quick."""


def dealt(items: Sequence[Item], name: Callable[[Item], str], workers: int) -> list[Item]:
    """Return the items in an order whose equal parts, one for each worker, take about as long and begin with what is slow.

    `--dist worksteal` gives each worker such a part, and moves what is left at the end of one to workers without any. Tests
    of a module stay together, so that they share what they have started.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(_slow(name(item)), []).append(item)
    rest = groups.pop("", [])
    parts: list[list[Item]] = [[] for _ in range(workers)]
    seconds = [0] * workers
    for key in sorted(groups, key=SECONDS.__getitem__, reverse=True):
        least = seconds.index(min(seconds))
        seconds[least] += SECONDS[key]
        parts[least] += groups[key]
    for left, part in zip(range(workers, 0, -1), parts, strict=True):
        size = (sum(map(len, parts[workers - left :])) + len(rest)) // left
        room = max(0, size - len(part))
        part.extend(rest[:room])
        del rest[:room]
    parts[-1] += rest
    return [item for part in parts for item in part]


def _slow(name: str) -> str:
    """Return the key of a slow test, or of its module; "" for a quick one."""
    test = name.partition("[")[0]
    return next((key for key in (test, test.partition("::")[0]) if key in SECONDS), "")
