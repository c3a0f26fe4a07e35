"""Generates the text of commented starter narratives, which load as they are and run with the echo driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botticelli.narrative.language import keys

FORMS = ("table", "list", *(["several"] if "narratives" in keys.ROOT.known else []))
KINDS = ("text", "carousel", "discord", *(["media"] if "image" in keys.INPUT_TYPES else []))
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
"""Base64 of a PNG image of one pixel."""


@dataclass(frozen=True, slots=True)
class _Act:
    """Holds an act of a starter; `keys` and `inputs` are lines of TOML."""

    name: str
    comment: str
    keys: Sequence[str] = ()
    inputs: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """Holds the lines of one kind of starter; PATH in `header` stands for the table of the narrative."""

    description: str
    header: Sequence[str]
    acts: Sequence[_Act]


_VARIABLES = (
    "# A variable has a default here; `botticelli run FILE --var subject=...` gives another value.",
    "[PATH.variables]",
    'subject = "a harbour in the morning"',
)
_CAROUSEL = (
    "# The carousel repeats the narrative, but starts no iteration that the budget can't pay for.",
    "[PATH.carousel]",
    "iterations = 5",
    "estimated_tokens_per_iteration = 1000 # of all acts together; leave it out to have it estimated",
    'on_budget_exhausted = "wait" # or "stop"',
    "continue_on_error = false",
)
_DRAFT = _Act(
    "draft",
    "Each act is one prompt to a model. References are replaced by their values when the prompt is sent.",
    ('prompt = "Write three sentences about {var.subject}."', '# thinking = "low"', "# max_tokens = 300"),
)
_POLISH = _Act(
    "polish",
    "A later act can read the output of an earlier one.",
    (
        'prompt = "Make this shorter and clearer: {act.draft.output}"',
        'output_var = "last_text" # kept for the next run',
    ),
)
_KINDS = {
    "text": _Kind("Writes a text and polishes it", _VARIABLES, (_DRAFT, _POLISH)),
    "carousel": _Kind("Writes several texts under a budget", (*_CAROUSEL, "", *_VARIABLES), (_DRAFT, _POLISH)),
    "discord": _Kind(
        "Posts a text to a Discord channel",
        (
            "# Commands need a token (DISCORD_TOKEN); with `--rehearse` they are answered offline.",
            "# Which guild: `botticelli run FILE --var guild=...`",
            "[PATH.variables]",
            'guild = "123456789012345678"',
        ),
        (
            _Act(
                "channel",
                "A bot command without a prompt: no model is called. Skipped once the channel is known.",
                ('skip_if = "{state.news_channel}"', 'output_var = "news_channel"'),
                (
                    (
                        'type = "bot_command"',
                        'platform = "discord"',
                        'command = "channels.get_or_create"',
                        'args = { guild_id = "{var.guild}", name = "news" }',
                    ),
                ),
            ),
            _Act("write", "The text to post.", ('prompt = "Write one sentence of news. No mentions, no links."',)),
            _Act(
                "post",
                "State remembers the channel, across runs.",
                (),
                (
                    (
                        'type = "bot_command"',
                        'command = "messages.send"',
                        'args = { channel_id = "{state.news_channel.id}", content = "{act.write.output}" }',
                    ),
                ),
            ),
        ),
    ),
    "media": _Kind(
        "Describes a picture",
        (),
        (
            _Act(
                "describe",
                "A text and a picture; instead of base64, `file` is a file beside this one and `url` an address.",
                (),
                (
                    ('content = "Describe this picture in one sentence."',),
                    ('type = "image"', 'mime = "image/png"', f'base64 = "{PIXEL}"'),
                ),
            ),
        ),
    ),
}


def starter(name: str, *, kind: str, form: str) -> str:
    """Return the text of a narrative called `name`, of one of KINDS, written in one of FORMS."""
    chosen = _KINDS[kind]
    first = f"# {chosen.description}. Try it: botticelli plan FILE, then botticelli run FILE"
    body = _several(name, chosen) if form == "several" else _single(name, chosen)
    acts = [line for act in chosen.acts for line in _act(act, is_listed=form == "list")]
    return "\n".join([first, "", *body, *acts]).rstrip("\n") + "\n"


def _single(name: str, kind: _Kind) -> list[str]:
    header = _header("narrative", kind)
    return ["[narrative]", f'name = "{name}"', *_about(kind), "", *header]


def _several(name: str, kind: _Kind) -> list[str]:
    """Return the headers of two narratives that share their acts."""
    order = [act.name for act in kind.acts]
    return [
        "# Several narratives share the acts below: botticelli run FILE --name NAME",
        f"[narrative.{name}]",
        *_about(kind),
        f"toc = [{', '.join(map(_quoted, order))}]",
        "",
        *_header(f"narrative.{name}", kind),
        f"[narrative.{name}_short]",
        'description = "Only the first act"',
        f"toc = [{_quoted(order[0])}]",
        "",
        *_header(f"narrative.{name}_short", kind),
    ]


def _about(kind: _Kind) -> list[str]:
    return [
        f'description = "{kind.description}"',
        '# model = "anthropic/claude-haiku-5-5" # else the default of the settings',
    ]


def _header(path: str, kind: _Kind) -> list[str]:
    return [*(line.replace("PATH", path) for line in kind.header), ""] if kind.header else []


def _act(act: _Act, *, is_listed: bool) -> list[str]:
    lines = [f"# {act.comment}"]
    lines += ["[[act]]", f'name = "{act.name}"'] if is_listed else [f"[acts.{act.name}]"]
    lines += act.keys
    for input_lines in act.inputs:
        lines += ["[[act.input]]" if is_listed else f"[[acts.{act.name}.input]]", *input_lines]
    return [*lines, ""]


def _quoted(name: str) -> str:
    return f'"{name}"'
