"""Estimates the tokens of a text, a medium or a request before it is sent. Calls no provider."""

from __future__ import annotations

import json
import math

from botticelli.drivers.interface.protocol import GenerateRequest, Media, MediaKind

LETTERS_PER_TOKEN = 4.2
TOKENS_PER_PUNCTUATION = 0.6
BYTES_PER_TOKEN = 3
LAST_COMMON = "\uffff"
RARE_BYTES = 6
"""Bytes of a character beyond the basic plane, such as an emoji: it counts as two tokens."""
LEAST_MEDIA_TOKENS: dict[MediaKind, int] = {"image": 1600, "audio": 2000, "video": 20_000, "document": 4000}
"""Tokens of one medium: a large image; a minute of sound or of film; two pages. Not measured: chosen from providers'
pages (Gemini 258 for each tile of an image or page, 32 a second of audio, about 300 a second of video; Anthropic
up to 1,600 for an image); no call has confirmed them."""
MEDIA_BYTES_PER_TOKEN: dict[MediaKind, int] = {"audio": 500, "video": 400, "document": 25}


def estimate_tokens(text: str) -> int:
    """Estimate tokens by classes of characters: rather too many than too few.

    docs/reference/driver.md shows by how much, for which texts and tokenizers, measured by `python -m
    benchmarks.estimates`.
    """
    letters = digits = others = wide_bytes = 0
    for character in text:
        if not character.isascii():
            wide_bytes += RARE_BYTES if character > LAST_COMMON else len(character.encode("utf-8", "replace"))
        elif character.isalpha() or character.isspace():
            letters += 1
        elif character.isdigit():
            digits += 1
        else:
            others += 1
    return math.ceil(
        letters / LETTERS_PER_TOKEN + digits + others * TOKENS_PER_PUNCTUATION + wide_bytes / BYTES_PER_TOKEN
    )


def estimate_media_tokens(media: Media) -> int:
    """Estimate by kind and size; a URL counts as the smallest medium of its kind."""
    size_tokens = len(media.data or b"") // MEDIA_BYTES_PER_TOKEN.get(media.kind, 2**62)
    return max(LEAST_MEDIA_TOKENS[media.kind], size_tokens)


def estimate_request_tokens(request: GenerateRequest) -> int:
    """Estimate the input tokens of a whole request: system text, conversation, media, and the schema of its answer."""
    tokens = estimate_tokens(request.system) if request.system else 0
    tokens += estimate_tokens(json.dumps(request.json_schema)) if request.json_schema else 0
    for message in request.messages:
        tokens += estimate_tokens(message.text) + sum(map(estimate_media_tokens, message.media))
    return tokens
