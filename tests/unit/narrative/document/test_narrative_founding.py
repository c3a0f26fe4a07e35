"""Tests that the examples of the founding documents, completed to whole files, load with their meaning."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botticelli.narrative import Loaded
from botticelli.narrative.execution import Carousel
from botticelli.narrative.model import BotCommandInput, Template

Load = Callable[[str], Loaded]

COMMAND = '[[act.input]]\ntype = "bot_command"\nplatform = "discord"\n'

NARRATIVE_CAROUSEL = """
[narrative]
name = "daily_digest"
description = "Generate daily digest posts"
[narrative.carousel]
iterations = 50
estimated_tokens_per_iteration = 2000
continue_on_error = false
[acts]
write = "Write today's digest."
"""

ACT_CAROUSEL = """
[acts.generate_post]
prompt = "Generate a social media post"
[acts.generate_post.carousel]
iterations = 10
estimated_tokens_per_iteration = 500
continue_on_error = true
"""

ROOT_CAROUSEL = """
[carousel]
iterations = 24                      # Maximum iterations
estimated_tokens_per_iteration = 500 # Budget estimation
continue_on_error = false            # Stop on first error
[[act]]
scene = 1
character = "ContentGenerator"
act_name = "generate"
model = "gemini/gemini-2.5-flash"
[[act.input]]
type = "text"
content = "Greet the newcomers of hour {iteration}."
"""

CREATES = f"""
[[act]]
name = "setup_welcome"
{COMMAND}command = "channels.create"
[act.input.args]
name = "welcome"
"""

USES_STATE = f"""
[[act]]
name = "post_to_welcome"
{COMMAND}command = "messages.send"
[act.input.args]
channel_id = "{{state.discord.channel.welcome}}"
content = "Hello!"
"""

PINS = """
[[act]]
name = "send_important_message"
output_var = "welcome_message_id"
[[act.input]]
type = "bot_command"
command = "messages.send"
args = { channel_id = "1", content = "Read this." }
[[act]]
name = "pin_message"
[[act.input]]
type = "bot_command"
command = "messages.pin"
[act.input.args]
message_id = "{state.welcome_message_id}"
"""

BINDS_AND_SKIPS = f"""
[[act]]
name = "create_channel"
output_var = "support_channel"
{COMMAND}command = "channels.create"
args = {{ name = "support" }}
[[act]]
name = "create_if_missing"
skip_if = "{{state.channel_exists}}"
{COMMAND}command = "channels.edit"
[act.input.args]
channel_id = "{{state.support_channel}}"
"""

GUILD_STATE = f"""
[metadata]
name = "publish_welcome"
[[act]]
name = "setup_channel"
output_var = "welcome_channel"
skip_if = "{{state.discord.${{TEST_GUILD_ID}}.channel.welcome}}"
{COMMAND}command = "channels.create"
[act.input.args]
guild_id = "${{TEST_GUILD_ID}}"
name = "welcome"
"""


@pytest.mark.parametrize(
    "text", [NARRATIVE_CAROUSEL, ACT_CAROUSEL, ROOT_CAROUSEL, CREATES, USES_STATE, PINS, BINDS_AND_SKIPS, GUILD_STATE]
)
def test_founding_example_loads_without_a_warning(load: Load, text: str) -> None:
    assert load(text).warnings == ()


def test_founding_carousels_keep_their_meaning(load: Load) -> None:
    whole = load(NARRATIVE_CAROUSEL).narrative
    assert whole.name == "daily_digest"
    assert whole.carousel == Carousel(iterations=50, estimated_tokens_per_iteration=2000, continue_on_error=False)
    act = load(ACT_CAROUSEL).narrative.acts[0]
    assert act.carousel == Carousel(iterations=10, estimated_tokens_per_iteration=500, continue_on_error=True)
    root = load(ROOT_CAROUSEL).narrative
    assert root.carousel == Carousel(iterations=24, estimated_tokens_per_iteration=500)
    assert root.acts[0].name == "generate"


def test_founding_state_and_commands_keep_their_meaning(load: Load) -> None:
    act = load(GUILD_STATE).narrative.acts[0]
    assert act.output_var == "welcome_channel"
    assert act.skip_if is not None and act.skip_if.reference.name == "discord.4242.channel.welcome"
    command = act.inputs[0]
    assert isinstance(command, BotCommandInput) and command.args["guild_id"] == Template(parts=("4242",))
    send, pin = load(PINS).narrative.acts
    assert isinstance(send.inputs[0], BotCommandInput) and send.inputs[0].platform == "discord"
    assert isinstance(pin.inputs[0], BotCommandInput) and isinstance(pin.inputs[0].args["message_id"], Template)
    assert pin.inputs[0].args["message_id"].references[0].name == "welcome_message_id"
