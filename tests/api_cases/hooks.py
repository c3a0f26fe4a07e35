"""Changes the cases of schemathesis: half of them name what exists, and few share an Idempotency-Key."""

from __future__ import annotations

import itertools
import json
import os
import random
from typing import Any

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(os.environ["API_CASES_KNOWN"])
OWN_TOKEN = os.environ["API_CASES_TOKEN"].split("_")[1]
CHANCE = random.Random(18)
NUMBERS = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Change a case before it is sent. A case that breaks the document by intent keeps its parameters."""
    for name, value in dict(case.path_parameters or {}).items():
        if name in KNOWN and CHANCE.random() < 0.5:
            case.path_parameters[name] = CHANCE.choice(KNOWN[name])
        elif value == OWN_TOKEN:
            case.path_parameters[name] = "nobody00"
    key = (case.headers or {}).get("idempotency-key")
    if key and CHANCE.random() < 0.8:
        case.headers["idempotency-key"] = f"{key[:200]}{next(NUMBERS)}"
