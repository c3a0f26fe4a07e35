"""Makes docs/reference/python.md from the docstrings of the client: `python -m botticelli.client.python_reference`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import pairwise
from typing import Any, get_args

from botticelli import client, errors, statuses

HEAD = """# The Python API

Made from the docstrings of `botticelli/client/` by `python -m botticelli.client.python_reference`. Every example is run by
a test. What travels over the queue, and how programs in other languages enqueue, is in [The wire](wire.md).

```py
from botticelli.client import Client, EnqueueOptions, RunFilter, WaitTimeout
```

All names of this page are in `botticelli.client`, but for errors (`botticelli.errors`) and types of statuses
(`botticelli.statuses`). Importing the package is cheap: a name is loaded when it is first used. In the examples `client` is
a `Client`, and `run_id` the id of a run.
"""
GROUPS = {
    "Enqueue": ("enqueue", "fork"),
    "Read": ("get", "runs", "status", "result", "outputs", "wait", "watch", "progress", "diagnose"),
    "Control": ("pause", "resume", "cancel", "retry", "prune"),
    "Effects": ("effects", "approve", "reject"),
    "Budgets": ("pause_budget", "resume_budget"),
    "Schedules": (
        *(
            "create_schedule",
            "schedules",
            "schedule",
            "next_times",
            "why_schedule",
            "pause_schedule",
            "resume_schedule",
        ),
        *("trigger_schedule", "backfill_schedule", "plan_schedules", "delete_schedule"),
    ),
    "Connections": ("close",),
}
"""The methods of the client by what they are for."""
INPUTS = ("EnqueueOptions", "RunFilter", "ScheduleOptions")
RESULTS = (
    *("RunResult", "IterationResult", "ActResult", "Run", "Effect", "Progress", "BindingWindow", "Diagnosis"),
    *("Event",),
    *("Schedule", "ScheduleChange", "ScheduleView", "FiringView", "UpcomingTime", "ScheduleReasons", "Backfill"),
    *("SchedulesForecast", "ScheduleForecast", "PlannedRun"),
)
RUN_ATTRIBUTES = (
    *("id", "narrative", "source", "status", "ending", "reason", "hold", "tags", "rehearse"),
    *("iterations", "concurrency", "dispatched", "succeeded", "failed"),
    *("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_usd"),
    *("created_at", "started_at", "finished_at", "due_at", "now", "forked_from", "forked_at", "schedule_id"),
    *("is_final", "used_tokens"),
)
"""The attributes of a run that are public; the others are the engine's own, and may change."""
ERRORS = ("BotticelliError", "InvalidInput", "NotFound", "SettingsError", "ServiceUnavailable")
STATUSES = ("RunStatus", "FinalStatus", "IterationStatus", "ActStatus", "EffectStatus")
WIDTH = 100
"""The longest signature on one line."""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *_client(), *_handle(), *_values(), *_errors(), *_statuses()])


def _client() -> Iterator[str]:
    yield f"## Client\n\n{_prose(client.Client)}\n"
    yield f"{_signature('Client', client.Client.__init__)}\n\n{_prose(client.Client.__init__)}\n"
    for title, names in GROUPS.items():
        yield f"### {title}\n"
        for name in names:
            method = getattr(client.Client, name)
            yield f"#### {name}\n\n{_signature(name, method)}\n\n{_prose(method)}\n"


def _handle() -> Iterator[str]:
    methods = [(name, value) for name, value in vars(client.RunHandle).items() if not name.startswith("_")]
    yield f"## RunHandle\n\n{_prose(client.RunHandle)}\n"
    yield "\n".join(_signature(name, value) for name, value in methods).replace("\n```\n```py", "") + "\n"


def _values() -> Iterator[str]:
    for title, names in (("Options", INPUTS), ("Results", RESULTS)):
        yield f"## {title}\n"
        for name in names:
            kind = getattr(client, name)
            yield f"### {name}\n\n{_prose(kind)}\n"
            lines = [*_fields(kind), *_members(kind)]
            yield "\n".join(_public(lines) if kind is client.Run else lines) + "\n"


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    kinds = [*(getattr(errors, name) for name in ERRORS), client.WaitTimeout]
    yield "\n".join(f"- `{kind.__name__}({kind.__base__.__name__})`: {_one_line(kind)}" for kind in kinds) + "\n"


def _statuses() -> Iterator[str]:
    yield "## Statuses\n"
    for name in STATUSES:
        values = ", ".join(f"`{value}`" for value in get_args(getattr(statuses, name)))
        yield f"- `{name}`: {values}"
    yield ""


def _fields(kind: type[Any]) -> Iterator[str]:
    """Yield a line for each attribute: its type, and its docstring where it has one."""
    meanings = {name: text for base in reversed(kind.__mro__[:-1]) for name, text in _field_docs(base)}
    for field in fields(kind):
        meaning = f": {meanings[field.name]}" if field.name in meanings else ""
        yield f"- `{field.name}: {field.type}`{meaning}"


def _public(lines: Iterable[str]) -> list[str]:
    """Return the lines of public attributes of a run, in their own order."""
    by_name = {line.partition("`")[2].partition(":")[0]: line for line in lines}
    others = "\nOther attributes are the engine's own, and may change."
    return [*(by_name[name] for name in RUN_ATTRIBUTES), others]


def _field_docs(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Yield the names of annotated attributes that a docstring follows, with the docstring."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for attribute, follower in pairwise(body):
        match attribute, follower:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, _joined(text)


def _members(kind: type[Any]) -> Iterator[str]:
    """Yield a line for each public property and method."""
    for name, value in vars(kind).items():
        if isinstance(value, property) and not name.startswith("_") and value.fget:
            returns = inspect.signature(value.fget).return_annotation
            yield f"- `{name}: {returns}`{_meaning(value)}"
        elif inspect.isfunction(value) and not name.startswith("_"):
            yield f"- `{_one_line_signature(name, value)}`{_meaning(value)}"


def _meaning(value: Any) -> str:
    return f": {_joined(value.__doc__)}" if value.__doc__ else ""


def _one_line(value: Any) -> str:
    return _joined(inspect.cleandoc(value.__doc__ or "").partition("\n\n")[0])


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _one_line_signature(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    text = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    returns = "" if signature.return_annotation in ("None", inspect.Signature.empty) else signature.return_annotation
    return f"{name}{_unquoted(text)}" + (f" -> {returns}" if returns else "")


def _unquoted(signature: str) -> str:
    """Return a signature without the quotes that deferred annotations get."""
    return re.sub(r": '([^']*)'", r": \1", signature).replace("'", '"')


def _signature(name: str, function: Any) -> str:
    """Return a signature as code, with a line for each parameter when it is long."""
    line = _one_line_signature(name, function)
    if len(line) > WIDTH:
        parameters = [part for part in inspect.signature(function).parameters.values() if part.name != "self"]
        texts = [_unquoted(str(parameter)) for parameter in parameters]
        first = next((index for index, part in enumerate(parameters) if part.kind is part.KEYWORD_ONLY), None)
        if first is not None:
            texts.insert(first, "*")
        returns = line.rpartition(" -> ")[2]
        line = f"{name}(\n" + "".join(f"    {text},\n" for text in texts) + f") -> {returns}"
    return f"```py\n{line}\n```"


def _prose(value: Any) -> str:
    """Return a docstring as Markdown: its indented parts become examples."""
    lines: list[str] = []
    for block in inspect.cleandoc(value.__doc__ or "").split("\n\n"):
        if block.startswith("    ") and lines and lines[-1].startswith("```python"):
            lines[-1] = lines[-1].removesuffix("\n```") + f"\n\n{textwrap.dedent(block)}\n```"
        elif block.startswith("    "):
            lines.append(f"```python\n{textwrap.dedent(block)}\n```")
        else:
            lines.append(block)
    return "\n\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
