"""Writes the bodies for the webhook addresses of Discord and Slack. Texts in them mention nobody and format nothing. Pure."""

from __future__ import annotations

import json
import re

from botticelli.notices.wording.message_text import MessageText

DISCORD_CHARACTERS = 2000
SLACK_CHARACTERS = 4000
SUPPRESS_EMBEDS = 4
_MARKDOWN = re.compile(r"([\\*_~`|>#\[\]()<-])")


def discord_body(message: MessageText) -> bytes:
    """Return a message of Discord that pings nobody and shows no preview of links."""
    parts = [f"**{plain_discord(message.title)}**", plain_discord(message.reason)]
    parts += [f"`{message.command.replace('`', '')}`" if message.command else "", plain_discord(message.output)]
    content = _joined(parts, DISCORD_CHARACTERS)
    body = {"content": content, "allowed_mentions": {"parse": []}, "flags": SUPPRESS_EMBEDS}
    return json.dumps(body).encode()


def slack_body(message: MessageText) -> bytes:
    """Return a message of Slack in which nothing is a mention or a link."""
    parts = [f"*{_plain_slack(message.title)}*", _plain_slack(message.reason)]
    parts += [f"`{_plain_slack(message.command)}`" if message.command else "", _plain_slack(message.output)]
    body = {"text": _joined(parts, SLACK_CHARACTERS), "unfurl_links": False, "unfurl_media": False}
    return json.dumps(body).encode()


def _joined(parts: list[str], limit: int) -> str:
    text = "\n".join(part for part in parts if part)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plain_discord(text: str) -> str:
    """Escape what Discord would format, and break the signs of mentions."""
    return _MARKDOWN.sub(r"\\\1", text).replace("@", "@\u200b")


def _plain_slack(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`])", "\u200b\\1", escaped).replace("@", "@\u200b")
