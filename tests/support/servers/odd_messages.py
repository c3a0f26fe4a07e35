"""Generates malformed queue entries: each field of a message with each odd value, and raw entries."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botticelli.messages import ENQUEUE, PROBE, QUEUE, RUN_ITERATION


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MARKER = "what-a-body-holds"
"""Part of every body, which must not appear in any log."""
MISSING = object()
ODD: Mapping[str, Any] = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "huge": 2**200,
    "float": 1e300,
    "empty text": "",
    "text": "x",
    "NUL": "a\0b",
    "lines": "a\nb",
    "surrogate": "\ud800",
    "long text": "x" * 5000,
    "moment": "9999-12-31T23:59:59+00:00",
    "empty list": [],
    "list of null": [None],
    "list of one": [1],
    "list of text": ["x"],
    "list of lists": [[]],
    "empty object": {},
    "object": {"a": {"b": [1]}},
    "unknown type": {"__type__": "x", "__value__": 1},
    "odd date": {"__type__": "datetime", "__value__": 1},
    "odd decimal": {"__type__": "decimal", "__value__": "x"},
}
HEADERS = _words(
    "lang task id root_id parent_id group group_index meth shadow eta expires retries timelimit argsrepr kwargsrepr "
    "origin stamps stamped_headers ignore_result replaced_task_nesting compression redelivered botticelli_wire reply_to "
    "errbacks chain hostname kwargs args delivery_info properties is_eager called_directly utc"
)
PROPERTIES = _words("correlation_id reply_to delivery_mode priority body_encoding delivery_tag delivery_info")
EMBEDDED = ("callbacks", "errbacks", "chain", "chord")
ARGUMENTS: Mapping[str, dict[str, Any]] = {
    RUN_ITERATION: {"run_id": "nobody", "number": 1},
    ENQUEUE: {"narrative": "nobody-wrote-it"},
    PROBE: {"queue": QUEUE},
}


def message(task: str = RUN_ITERATION, **kwargs: Any) -> dict[str, Any]:
    """Make a valid message whose body isn't encoded yet."""
    return {
        "body": [[], {**ARGUMENTS[task], "note": MARKER, **kwargs}, dict.fromkeys(EMBEDDED)],
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "lang": "py",
            "task": task,
            "id": "an-id",
            "root_id": "an-id",
            "retries": 0,
            "timelimit": [None, None],
            "argsrepr": f"({MARKER})",
            "kwargsrepr": MARKER,
            "origin": "a-test",
        },
        "properties": {
            "correlation_id": "an-id",
            "reply_to": "x",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "a-tag",
        },
    }


def entry(written: Mapping[str, Any]) -> bytes:
    """Encode a message as it is stored in the queue."""
    encoded = dict(written)
    if isinstance(encoded.get("body"), list):
        encoded["body"] = base64.b64encode(json.dumps(encoded["body"]).encode()).decode()
    return json.dumps(encoded).encode()


def odd_entries(task: str = RUN_ITERATION) -> Iterator[tuple[str, bytes]]:
    """Yield malformed entries, each with a name that says what is odd about it."""
    for path in _paths():
        for name, value in ODD.items():
            odd = copy.deepcopy(message(task))
            _set(odd, path, value)
            yield f"{'.'.join(map(str, path))}: {name}", entry(odd)
    yield from raw_entries(task)


def raw_entries(task: str = RUN_ITERATION) -> Iterator[tuple[str, bytes]]:
    """Yield entries that aren't messages, or have a body of another kind."""
    good = message(task)
    yield from {
        "nothing": b"",
        "blank": b" ",
        "bytes": b"\xff\xfe\x00" + MARKER.encode(),
        "half": entry(good)[:-20],
        "null": b"null",
        "number": b"1",
        "text": json.dumps(MARKER).encode(),
        "list": json.dumps([MARKER]).encode(),
        "not a number": b"NaN",
        "many digits": b"1" * 100_000,
        "deep": b"[" * 200_000,
        "deep and closed": b"[" * 900 + b"]" * 900,
        "deep objects": b'{"a":' * 100_000,
        "many": b"[" + b"[]," * 1_000_000 + b"[]]",
        "large": json.dumps({"body": "x" * 8_000_000}).encode(),
        "the first protocol": json.dumps({"task": task, "id": "x", "args": [MARKER], "kwargs": {}}).encode(),
    }.items()
    for name, body in _bodies().items():
        yield f"body: {name}", entry({**good, "body": body})
    for name, (kind, encoding, data) in _foreign_bodies().items():
        odd = {**good, "body": base64.b64encode(data).decode(), "content-type": kind, "content-encoding": encoding}
        yield f"body: {name}", entry(odd)
    bomb = _bomb()
    for method in ("zlib", "gzip", "application/x-gzip", "bzip2", "lzma", "zstd", "brotli", "unheard-of"):
        packed = {**good, "body": bomb, "headers": {**good["headers"], "compression": method}}
        yield f"compressed: {method}", entry(packed)


@cache
def _bomb() -> str:
    """Return a body of a hundred megabytes when decompressed."""
    return base64.b64encode(zlib.compress(b"0" * 100_000_000, 1)).decode()


def _bodies() -> dict[str, str]:
    """Return malformed bodies by name, all but two of them in valid base64."""
    bodies: dict[str, bytes] = {
        "null": b"null",
        "number": b"1",
        "text": b'"x"',
        "object": b"{}",
        "list of one": b"[[]]",
        "list of four": b"[[],{},{},{}]",
        "arguments are an object": b"[{},{},{}]",
        "arguments are named by a list": b"[[],[],{}]",
        "arguments are null": b"[null,null,null]",
        "too many arguments": b"[[1,2,3,4,5,6],{},null]",
        "an argument twice": b'[["a","b"],{"run_id":"a","narrative":"a","queue":"a"},null]',
        "named self": b'[[],{"self":1},null]',
        "deep": b'[[],{"a":' + b"[" * 500 + b"]" * 500 + b"},null]",
        "very deep": b"[" * 100_000,
        "not UTF-8": b'[[],{"a":"\xff"},null]',
        "empty": b"",
    }
    return {"not base64": "%%%%", "half base64": "W10", **{k: base64.b64encode(v).decode() for k, v in bodies.items()}}


def _foreign_bodies() -> dict[str, tuple[str, str, bytes]]:
    arguments = [[], {"note": MARKER}, {}]
    plain = json.dumps(arguments).encode()
    return {
        "pickle": ("application/x-python-serialize", "binary", pickle.dumps(arguments)),
        "yaml": ("application/x-yaml", "utf-8", plain),
        "msgpack": ("application/x-msgpack", "binary", b"\x93\x90\x80\x80"),
        "bytes": ("application/data", "binary", plain),
        "of no kind": ("", "", plain),
        "in UTF-16": ("application/json", "utf-16", plain.decode().encode("utf-16")),
        "in an unheard-of encoding": ("application/json", "no-such-encoding", plain),
    }


def _paths() -> Iterator[tuple[str | int, ...]]:
    yield from (("body",), ("content-type",), ("content-encoding",), ("headers",), ("properties",))
    yield from (("headers", name) for name in HEADERS)
    yield from (("properties", name) for name in PROPERTIES)
    yield from (("properties", "delivery_info", name) for name in ("exchange", "routing_key"))
    yield from (("body", place) for place in range(3))
    yield from (("body", 1, name) for name in ("run_id", "number", "narrative", "queue"))
    yield from (("body", 2, name) for name in EMBEDDED)


def _set(place: Any, path: tuple[str | int, ...], value: Any) -> None:
    for name in path[:-1]:
        place = place[name]
    if value is not MISSING:
        if isinstance(place, dict):
            place[path[-1]] = copy.deepcopy(value)
        else:
            place[int(path[-1])] = copy.deepcopy(value)
    elif isinstance(place, dict):
        place.pop(path[-1], None)
    else:
        del place[int(path[-1])]
