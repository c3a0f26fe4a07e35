"""Delivers a notice by the Discord bot: an effect that waits with its buttons, and later who decided."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botticelli.errors import NotFound, PlatformError, PlatformGone, PlatformTransient
from botticelli.notices.outcome import Delivered, Failed, Gone, Outcome
from botticelli.notices.wording.approval_message import decided_message, waiting_message
from botticelli.notices.wording.chat_body import discord_body
from botticelli.notices.wording.message_text import message_text
from botticelli.platforms import Messages
from botticelli.runtime.process import Runtime
from botticelli.settings.sections.notify import EFFECT_DECIDED, EFFECT_WAITING, NotifyTarget
from botticelli.store import Effect, Notice, Run

NONCE_CHARACTERS = 25
"""The longest nonce of Discord."""
OK, NOT_FOUND = 200, 404


def send_bot(runtime: Runtime, target: NotifyTarget, notice: Notice, output: Any) -> Outcome:
    """Write or change a message once. The nonce follows from the notice: a repeated attempt is the same message."""
    platform = runtime.platforms.get("discord")
    if not isinstance(platform, Messages):
        return Failed("the platform discord of this worker writes no messages")
    try:
        match notice.type:
            case type_ if type_ == EFFECT_WAITING:
                return _ask(runtime, platform, target, notice)
            case type_ if type_ == EFFECT_DECIDED:
                return _tell_decision(runtime, platform, target, notice)
            case _:
                return _post(platform, target, notice, _plain(notice, output))
    except NotFound:
        return Delivered(note="the effect does not exist any more")
    except PlatformTransient as error:
        return Failed(str(error), retry_after_seconds=error.retry_after_seconds)
    except PlatformGone as error:
        return Gone(str(error), NOT_FOUND)
    except PlatformError as error:
        return Failed(str(error))


def _ask(runtime: Runtime, platform: Messages, target: NotifyTarget, notice: Notice) -> Outcome:
    effect, run = _read(runtime, notice)
    if effect.status != "waiting" or run.is_final:
        return Delivered(note="was decided, or its run had ended, before it was told")
    return _post(platform, target, notice, waiting_message(effect, run.narrative, is_rehearsal=run.rehearse))


def _tell_decision(runtime: Runtime, platform: Messages, target: NotifyTarget, notice: Notice) -> Outcome:
    """Write into the message with the buttons who decided, whoever it was and wherever."""
    effect, run = _read(runtime, notice)
    with runtime.store.transaction() as tx:
        message_id = tx.deliveries.receipt_of(str(notice.data.get("asked_id")), target.name)
    if message_id is None and EFFECT_DECIDED in target.on:
        return _post(platform, target, notice, _plain(notice, None))
    if message_id is None:
        return Delivered(note="it was not asked for here")
    body = decided_message(effect, run.narrative)
    if not platform.edit_message(target.channel_id or "", message_id, body):
        return Delivered(note="the message does not exist any more")
    return Delivered(OK)


def _plain(notice: Notice, output: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(discord_body(message_text(notice, output)))
    return body


def _post(platform: Messages, target: NotifyTarget, notice: Notice, body: dict[str, Any]) -> Outcome:
    nonce = hashlib.sha256(f"{notice.id} {target.name}".encode()).hexdigest()[:NONCE_CHARACTERS]
    return Delivered(OK, receipt=platform.post_message(target.channel_id or "", body, nonce))


def _read(runtime: Runtime, notice: Notice) -> tuple[Effect, Run]:
    """Read the effect of a notice, and its run. Raises NotFound."""
    with runtime.store.transaction() as tx:
        effect = tx.effects.find(str(notice.data.get("effect_id")))
        return effect, tx.runs.get(effect.run_id)
