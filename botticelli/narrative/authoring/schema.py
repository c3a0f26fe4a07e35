"""Builds the JSON Schema of a narrative file from `keys`, `descriptions` and the model: for editors, not for loading.

Only the loader checks what needs more than one place of a file, such as references and the order of acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from botticelli.narrative.authoring.descriptions import DESCRIPTIONS, EVERYWHERE
from botticelli.narrative.document.outline import OTHER_NARRATIVE
from botticelli.narrative.execution import Carousel
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER, LIST, TABLE, Keys, Rule
from botticelli.narrative.model import Act, BotCommandInput, TextInput
from botticelli.schedules.definition import ScheduleDefinition

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "A narrative of Botticelli"
Schema = dict[str, Any]

_OTHER: Schema = {"type": "string", "pattern": f"^(?:{OTHER_NARRATIVE.pattern})$"}
_NAMES: Schema = {"type": "array", "items": {"anyOf": [dict(IDENTIFIER.schema), _OTHER]}}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_INPUTS: Mapping[str, tuple[str, ...]] = {
    "TEXT_INPUT": ("text",),
    "COMMAND_INPUT": ("bot_command",),
    "MEDIA": ("image", "audio", "video", "document"),
    "TABLE_INPUT": ("table",),
    "NARRATIVE_INPUT": ("narrative",),
    "RESOURCE_INPUT": (),
}
"""Tables of inputs in `keys`, with the types that choose them."""
_NEEDED: Mapping[str, Schema] = {
    "CAROUSEL": {
        "if": {"anyOf": [{"required": [key]} for key in ("foreach", "key", "batch_rows")]},
        "else": {"required": ["iterations"]},
    },
    "FOREACH": {"oneOf": [{"required": ["file"]}, {"required": ["run"]}]},
    "LISTED_ACT": {"oneOf": [{"required": ["name"]}, {"required": ["act_name"]}]},
    "TEXT_INPUT": {"oneOf": [{"required": ["content"]}, {"required": ["file"]}]},
    "COMMAND_INPUT": {"required": ["command"]},
    "RESOURCE_INPUT": {"required": ["ref"]},
    "BOT": {"required": ["command"], "additionalProperties": True},
    "MEDIA": {"oneOf": [{"required": [key]} for key in ("url", "base64", "file")]},
    "TABLE_INPUT": {"required": ["table_name"]},
    "NARRATIVE_INPUT": {"required": ["name"]},
    "REFERRING": {"required": ["narrative"]},
    "FILTER": {"required": ["column"]},
    "UNIQUE": {"required": ["column"]},
    "SCHEDULE": {"oneOf": [{"required": ["cron"]}, {"required": ["every_seconds"]}]},
}
"""Required keys of each table, added to the schema of its keys."""
_TABLES = {name: value for name, value in vars(keys).items() if isinstance(value, Keys)}
_DEFAULTS: Mapping[str, type[BaseModel]] = {
    "CAROUSEL": Carousel,
    "ACT": Act,
    "LISTED_ACT": Act,
    "TEXT_INPUT": TextInput,
    "COMMAND_INPUT": BotCommandInput,
    "BOT": BotCommandInput,
    "SCHEDULE": ScheduleDefinition,
}


def narrative_schema() -> Schema:
    """Return the whole schema as plain JSON values, the same every time."""
    root, header = _finished("ROOT"), _definitions()["narrative"]
    has_acts: list[Schema] = [{"required": [key]} for key in ("acts", "act")]
    has_others = {"not": {"propertyNames": {"enum": [*header["properties"]]}}}
    has_own = {"anyOf": [*has_acts, has_others]}
    elsewhere = [{"required": [key], "properties": {key: has_own}} for key in ("narrative", "metadata")]
    has_acts += [{"required": ["narratives"]}, *elsewhere]
    return {"$schema": DRAFT, "title": TITLE, **root, "anyOf": has_acts, "$defs": _definitions()}


def _definitions() -> Schema:
    inner = {name: _finished(name) for name in _TABLES if name != "ROOT"}
    inner["NARRATIVE"] = _with_acts(inner["NARRATIVE"])
    inner["section"] = _section(inner["NARRATIVE"])
    inner["NARRATIVE"] = _with_sections(inner["NARRATIVE"])
    inner["input"] = _input()
    inner["inputs"] = {"type": "array", "items": _by_type(object=_ref("input"), otherwise={"type": "string"})}
    inner["written_act"] = _by_type(
        object=_ref("ACT"), array=_ref("inputs"), otherwise={"type": "string", "minLength": 1}
    )
    inner["listed_acts"] = {"type": "array", "items": _ref("LISTED_ACT")}
    inner["acts"] = _by_type(array=_ref("listed_acts"), otherwise=_named(_ref("written_act")))
    inner["order"] = _by_type(array={**_NAMES, "minItems": 1}, otherwise=_ref("TOC"))
    return {_name(name): value for name, value in sorted(inner.items())}


def _section(narrative: Schema) -> Schema:
    """Describe one of several narratives of a file; it may refer to another one, with its own carousel or model."""
    other = {"narrative": _value("REFERRING", "narrative", keys.REFERRING.known["narrative"])}
    return _with_properties(narrative, other)


def _with_properties(table: Schema, more: Schema) -> Schema:
    properties = table["properties"] | more
    return {**table, "properties": properties, "propertyNames": {"enum": [*properties]}}


def _with_acts(narrative: Schema) -> Schema:
    """Describe a narrative with an order and acts of its own."""
    own = {key: {"description": _description("ROOT", key), **_held()[key]} for key in ("toc", "acts", "act")}
    return _with_properties(narrative, own)


def _with_sections(narrative: Schema) -> Schema:
    """Describe `[narrative]`, which may also hold several narratives by their names.

    Unknown keys are narratives when one of them holds a table; otherwise each is reported as misspelt.
    """
    known = {**narrative, "propertyNames": True, "additionalProperties": True}
    several = {**_others(narrative, {"type": "object"}), "minProperties": 1}
    none = _others(narrative, {"not": {"type": "object"}})
    misspelt = {"if": none, "then": {"propertyNames": narrative["propertyNames"]}, "else": several}
    return {**known, "if": several, "then": _others(narrative, _ref("section")), "else": misspelt}


def _others(table: Schema, schema: Schema) -> Schema:
    """Describe the values of the keys that the table doesn't know."""
    return {"properties": dict.fromkeys(table["properties"], True), "additionalProperties": schema}


def _by_type(*, otherwise: Schema, **schemas: Schema) -> Schema:
    """Choose the schema by the value's own type, so that editors report the problem in it, not several alternatives."""
    result = otherwise
    for type_, schema in reversed(schemas.items()):
        result = {"if": {"type": type_}, "then": schema, "else": result}
    return result


def _input() -> Schema:
    """Describe an item of `input`: `type` chooses its table; a text may leave it out, and a reference has none."""
    result = _ref("TEXT_INPUT")
    for name, types in _INPUTS.items():
        if types and "text" not in types and name in _TABLES:
            is_this = {"properties": {"type": {"enum": [*types]}}, "required": ["type"]}
            result = {"if": is_this, "then": _ref(name), "else": result}
    if "RESOURCE_INPUT" in _TABLES:
        is_reference = {"required": ["ref"]}
        result = {"if": is_reference, "then": _ref("RESOURCE_INPUT"), "else": result}
    return result


def _held() -> Schema:
    """Describe the values of keys that are the same in every table."""
    return {
        "narratives": _named(_ref("SECTION")),
        "metadata": _ref("NARRATIVE"),
        "toc": _ref("order"),
        "acts": _ref("acts"),
        "act": _ref("listed_acts"),
        "carousel": _ref("CAROUSEL"),
        "bots": _named(_ref("BOT")),
        "tables": _named(_ref("TABLE_INPUT")),
        "media": _named(_ref("MEDIA")),
        "security": _ref("SECURITY"),
        "policy": _ref("POLICY"),
        "constraints": _ref("CONSTRAINTS"),
        "schedule": _ref("SCHEDULE"),
        "tags": _TEXTS,
        "tiers": _named({"type": "string"}),
        "budget": _ref("BUDGET"),
        "variables": _named(dict(keys.VARIABLE.schema)),
        "input": _ref("inputs"),
        "order": _NAMES,
        "needs": {"type": "array", "items": dict(IDENTIFIER.schema)},
        "columns": _TEXTS,
        "allowed_commands": _TEXTS,
        "checks": _ref("CHECKS"),
        "unique": _ref("UNIQUE"),
        "filter": {"type": "array", "items": _ref("FILTER")},
    }


def _finished(name: str) -> Schema:
    """Describe a table completely: its keys, their values and its required keys."""
    table, held = _table(name), _held()
    if name == "ROOT":
        held["narrative"] = _ref("NARRATIVE")
    for key, value in table["properties"].items():
        rule = _TABLES[name].known.get(key)
        if rule in (TABLE, LIST) or (key == "toc" and name == "ROOT") or (key == "acts" and name == "ROOT"):
            table["properties"][key] = _described(value, held.get(key, dict(rule.schema) if rule else {}))
        elif key == "model" and rule is not None and not rule.schema:
            table["properties"][key] = _described(value, {"anyOf": [{"type": "string"}, {**_TEXTS, "minItems": 1}]})
        elif key == "foreach":
            rows = {"type": "array", "minItems": 1, "items": dict(TABLE.schema)}
            table["properties"][key] = _described(
                value, _by_type(array=rows, object=_ref("FOREACH"), otherwise={"type": "string"})
            )
        elif key == "carousel" and name in ("ACT", "LISTED_ACT"):
            table["properties"][key] = _described(value, {"anyOf": [_ref("CAROUSEL"), {"type": "boolean"}]})
    if _NEEDED.get(name, {}).get("additionalProperties"):
        del table["propertyNames"]
    return table | _NEEDED.get(name, {})


def _table(name: str) -> Schema:
    """Describe the keys of one table."""
    table, model = _TABLES[name], _DEFAULTS.get(name)
    properties: Schema = {}
    for key, rule in table.known.items():
        properties[key] = _value(name, key, rule) | _default(model, key)
    for key in table.tolerated:
        properties[key] = {"description": "Has no effect.", "deprecated": True}
    return {
        "type": "object",
        "properties": properties,
        "propertyNames": {"enum": [*properties]},
        "additionalProperties": False,
    }


def _value(table: str, key: str, rule: Rule) -> Schema:
    return {"description": _description(table, key) or f"Must be {rule.words}.", **rule.schema}


def _description(table: str, key: str) -> str | None:
    return DESCRIPTIONS.get(table, {}).get(key) or DESCRIPTIONS[EVERYWHERE].get(key)


def _default(model: type[BaseModel] | None, key: str) -> Schema:
    field = model.model_fields.get(key) if model else None
    default = field.default if field else None
    return {"default": default} if isinstance(default, bool | str | int | float) else {}


def _described(old: Schema, new: Schema) -> Schema:
    """Return `new` with the description and the default of `old`."""
    return {key: old[key] for key in ("description", "default") if key in old} | new


def _named(values: Schema) -> Schema:
    return {**TABLE.schema, "propertyNames": dict(IDENTIFIER.schema), "additionalProperties": values}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{_name(name)}"}


def _name(table: str) -> str:
    return table.lower()
