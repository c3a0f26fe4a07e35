"""Defines the baseline of the waiting benchmark: a Celery app whose task makes the same call through the SDK."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import redis
from celery import Celery

from benchmarks.waiting_provider import COUNTER, MAX_TOKENS, MODELS, PROMPT, Wire
from botticelli.runtime.celery_app import configured, connected

REDIS_URL = os.environ["BARE_REDIS_URL"]
WIRE: Wire = "anthropic" if os.environ["BARE_WIRE"] == "anthropic" else "openai"
MODEL = MODELS[WIRE]

app = connected(configured(Celery("bare", set_as_current=False)), REDIS_URL, "bare")
app.conf.imports = ()
_redis = redis.Redis.from_url(REDIS_URL)


@app.task(name="bare.call")
def call(run_id: str, number: int) -> None:
    """Call the provider, then count, so that the benchmark sees the end."""
    messages: Any = [{"role": "user", "content": PROMPT}]
    if WIRE == "openai":
        _openai().chat.completions.create(model=MODEL, messages=messages)
    else:
        _anthropic().messages.create(model=MODEL, messages=messages, max_tokens=MAX_TOKENS)
    _redis.incr(COUNTER)


@cache
def _openai() -> Any:
    from openai import OpenAI

    return OpenAI(api_key="none", base_url=os.environ["BARE_BASE_URL"], max_retries=0, timeout=120)


@cache
def _anthropic() -> Any:
    from anthropic import Anthropic

    return Anthropic(api_key="none", base_url=os.environ["BARE_BASE_URL"], max_retries=0, timeout=120)
