"""Derives the key of an effect: every attempt of the same command with the same content has the same key."""

from __future__ import annotations

import hashlib
import json

from botticelli.store import Claim

KEY_CHARACTERS = 32


def effect_key(claim: Claim, name: str, *content: object) -> str:
    """Return the key of an effect of this iteration.

    `name` is unique within the iteration; `content` is JSON data that says what the effect is.
    """
    text = json.dumps([claim.run_id, claim.number, name, *content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_CHARACTERS]
