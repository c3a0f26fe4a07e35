"""Translates providers' finish reasons into four words: stop, length, refused, error."""

from __future__ import annotations

from typing import Any

from botticelli.untrusted.storable import storable

STOP, LENGTH, REFUSED, ERROR, TOOLS = "stop", "length", "refused", "error", "tool_calls"
MAX_CHARACTERS = 60
WORDS = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"), STOP),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"), LENGTH
    ),
    **dict.fromkeys(
        (
            "content_filter",
            "refusal",
            "refused",
            "sensitive",
            "safety",
            "recitation",
            "language",
            "blocklist",
            "prohibited_content",
            "spii",
            "image_safety",
            "image_prohibited_content",
            "image_recitation",
            "model_armor",
        ),
        REFUSED,
    ),
    **dict.fromkeys(("error", "abort", "insufficient_system_resource", "network_error"), ERROR),
}
UNSPECIFIED = ("", "null", "none", "finish_reason_unspecified")


def finish_word(reason: Any) -> str:
    """Return one of the four words; else the provider's word in lower case, or "" when it gave none."""
    if reason is None or reason is False:
        return ""
    word = " ".join(storable(str(reason)[: 4 * MAX_CHARACTERS]).lower().split())[:MAX_CHARACTERS]
    return "" if word in UNSPECIFIED else WORDS.get(word, word)
