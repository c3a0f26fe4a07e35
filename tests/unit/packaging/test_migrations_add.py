"""Migrations only add: a worker of the former version goes on while the schema is already that of the next one."""

from __future__ import annotations

import ast
from pathlib import Path

MIGRATIONS = sorted((Path(__file__).parents[3] / "migrations" / "versions").glob("*.py"))
FIRST = "0007"
"""The migrations before this one are older than the rule: 0006 widened a primary key."""
TAKES_AWAY = {"drop_column", "drop_table", "rename_table", "drop_constraint"}
CHANGES = {"type_", "new_column_name"}


def test_upgrades_take_nothing_away() -> None:
    undeclared = [
        f"{file.name}:{call}"
        for file in MIGRATIONS
        if file.name >= FIRST
        for call in faults(file.read_text(encoding="utf-8"))
    ]
    assert undeclared == []


def test_faults_are_noticed() -> None:
    upgrade = "def upgrade():\n    op.drop_column('runs', 'tags')\n    op.alter_column('runs', 'id', nullable=False)\n"
    assert faults(upgrade + "def downgrade():\n    op.drop_table('runs')\n") == ["2 drop_column", "3 alter_column"]
    assert faults("def upgrade():\n    op.add_column('runs', sa.Column('x', sa.Text, nullable=False))\n") == [
        "2 add_column"
    ]


def faults(source: str) -> list[str]:
    """List what an upgrade does that a program of the former version may not survive, with its line."""
    (upgrade,) = [node for node in ast.parse(source).body if getattr(node, "name", "") == "upgrade"]
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    operations = [call for call in calls if isinstance(call.func, ast.Attribute) and _of(call) == "op"]
    return [f"{call.lineno} {call.func.attr}" for call in operations if _takes_away(call)]  # type: ignore[attr-defined]


def _of(call: ast.Call) -> str:
    return getattr(getattr(call.func, "value", None), "id", "")


def _takes_away(call: ast.Call) -> bool:
    name, given = getattr(call.func, "attr", ""), {keyword.arg: keyword.value for keyword in call.keywords}
    if name in TAKES_AWAY:
        return True
    if name == "alter_column":
        is_stricter = isinstance(given.get("nullable"), ast.Constant) and not given["nullable"].value  # type: ignore[attr-defined]
        return bool(CHANGES & given.keys()) or is_stricter
    return name == "add_column" and any(map(_is_required, call.args))


def _is_required(column: ast.expr) -> bool:
    """Whether a new column must be given by whoever inserts: a former version doesn't know it."""
    if not isinstance(column, ast.Call):
        return False
    given = {keyword.arg: keyword.value for keyword in column.keywords}
    is_stricter = isinstance(given.get("nullable"), ast.Constant) and not given["nullable"].value  # type: ignore[attr-defined]
    return is_stricter and "server_default" not in given
