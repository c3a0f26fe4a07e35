"""Members of libraries that are not public, and that this project uses: a release without one of them fails here, in words."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import botticelli
import workers

ROOT = Path(__file__).parents[3]
OURS = ("botticelli", "workers", "tasks")
LIBRARIES = ("celery", "kombu", "redis", "httpx2", "httpcore2", "flower", "genai_prices")
MEMBERS = {
    "genai_prices.types:_providers_from_raw": "botticelli/pricing/price_list.py reads a list that was fetched and stored",
    "kombu.transport:_transport_cache": "workers/transport/redis_transport.py takes the place of the Redis transport",
    "kombu.transport.redis:Channel._brpop_read": "workers/transport/redis_transport.py takes several messages at once",
    "kombu.transport.redis:Channel._brpop_sent_at": "workers/transport/redis_transport.py knows how soon a message came",
    "kombu.transport.redis:Channel._deliver_fanout_message": "workers/transport/redis_transport.py judges broadcasts",
    "kombu.transport.redis:Channel._disconnect_pools": "workers/transport/redis_transport.py closes what a restore opened",
    "kombu.transport.redis:Channel._do_restore_message": "workers/transport/redis_transport.py puts a message back",
    "kombu.transport.redis:Channel._flush_brpop_reauth": "workers/transport/redis_transport.py reads an answer as kombu does",
    "kombu.transport.redis:Channel._handle_message": "workers/transport/redis_transport.py judges broadcasts",
    "kombu.transport.redis:Channel._in_poll": "workers/transport/redis_transport.py reads an answer as kombu does",
    "kombu.transport.redis:Channel._queue_cycle": "workers/transport/redis_transport.py knows the queue of the last message",
    "kombu.transport.redis:Channel._receive_one": "workers/transport/redis_transport.py judges broadcasts",
    "kombu.transport.redis:QoS._remove_from_indices": "workers/transport/redis_transport.py drops an unreadable copy",
    "kombu.transport.redis:QoS.append:message._raw": "workers/transport/redis_transport.py puts a message back as it came",
    "kombu.transport.virtual:QoS._delivered": "workers/transport/redis_transport.py knows which messages have a copy",
    "kombu.transport.virtual:Transport._deliver": "workers/transport/redis_transport.py hands over what it took",
}
"""MODULE:CLASS.MEMBER, or MODULE:MEMBER, or MODULE:CLASS.METHOD:EXPRESSION for what only stands in a method's body."""


@pytest.mark.parametrize("member", MEMBERS)
def test_private_member_is_still_there(member: str) -> None:
    module, path, *expression = member.split(":")
    holder: object = importlib.import_module(module)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    assert has_member(holder, name, *expression), (
        f"{member} is gone from the installed release, and {MEMBERS[member]}: "
        "mend that, or exclude the release in pyproject.toml"
    )


def has_member(holder: object, name: str, expression: str | None = None) -> bool:
    """Whether a class or module has it, or sets it on its instances in one of its methods."""
    if expression is not None:
        return expression in inspect.getsource(getattr(holder, name))
    if hasattr(holder, name):
        return True
    return isinstance(holder, type) and any(
        re.search(rf"\bself\.{name}\b\s*(:[^=]+)?=", source_of(base)) for base in holder.__mro__[:-1]
    )


def source_of(class_: type) -> str:
    """Return nothing for a class that is made while a program runs."""
    try:
        return inspect.getsource(class_)
    except (OSError, TypeError):
        return ""


def test_every_private_member_that_is_used_is_named_here() -> None:
    named = {re.split(r"[.:]", member)[-1] for member in MEMBERS}
    used = {name for path in source_files() for name in foreign_private_attributes(path)}
    assert sorted(used - named) == []


def test_every_private_member_that_is_inherited_is_named_here() -> None:
    named = {re.split(r"[.:]", member)[-1] for member in MEMBERS}
    assert sorted(set(inherited_private_members()) - named) == []


def source_files() -> list[Path]:
    return [path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))]


def foreign_private_attributes(path: Path) -> Iterator[str]:
    """Yield the names of private attributes of other objects that nothing in this project defines."""
    text = path.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(text)) if re.search(r"(?<!\bself)(?<!\bcls)\._[a-z]", text) else ()
    for node in nodes:
        if isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr):
            owner = node.value
            is_own = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
            if not is_own and node.attr not in own_private_names():
                yield node.attr


@cache
def own_private_names() -> set[str]:
    """Return the private names that this project defines, and those that Python's documentation names."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in source_files())
    own = set(re.findall(r"(?:def |self\.|cls\.|^|\n\s*)(_[a-z]\w*)\s*(?:[:=(\[])", text))
    return (own | {"_exit", "_replace"}) - {re.split(r"[.:]", member)[-1] for member in MEMBERS}


def inherited_private_members() -> Iterator[str]:
    """Yield the names of private members of libraries' classes that a class of this project replaces or uses."""
    for module in (*modules_of(workers), *modules_of(botticelli)):
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                bases = [base for base in value.__mro__[1:] if base.__module__.split(".")[0] in LIBRARIES]
                mentioned = set(re.findall(r"\bself\.(_[a-z]\w*)", source_of(value))) if bases else set()
                own = {name for name in vars(value) if re.match(r"_[a-z]", name)}
                yield from (name for name in mentioned | own if any(has_member(base, name) for base in bases))


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    skipped = ("botticelli.testing", "botticelli._app")
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not info.name.startswith(skipped):
            yield importlib.import_module(info.name)
