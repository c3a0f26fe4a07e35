"""Which rules hold for which act: of the settings, of the way it came, of its narrative, of those around it, of its bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.carousel.permissions import AS_TEXT, rules_for
from botticelli.carousel.policy import Call, Denied, judge
from botticelli.narrative import Environment, Loaded, parse_narrative
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.settings.model import SecuritySettings


def parsed(text: str) -> Loaded:
    return parse_narrative(text, source="x.toml", folder=None, environment=Environment.for_wire({}, ()))


def commands(loaded: Loaded) -> list[tuple[Act, BotCommandInput]]:
    return [(act, one) for act in loaded.narrative.acts for one in act.inputs if isinstance(one, BotCommandInput)]


def denied_by(loaded: Loaded, source: str = "x.toml", **settings: object) -> list[str]:
    """For each command, what denies it, or nothing."""
    found = []
    for act, one in commands(loaded):
        rules = rules_for(SecuritySettings(**settings), loaded.narrative, act, one, source)  # type: ignore[arg-type]
        args = {name: "".join(map(str, value.parts)) for name, value in one.args.items()}  # type: ignore[union-attr]
        verdict = judge(rules, Call("discord", one.command, one.command == "messages.send", args))
        found.append(str(verdict) if isinstance(verdict, Denied) else "")
    return found


ONE = '[narrative]\nname = "one"\n[acts]\nx = "bots.x"\n[bots.x]\ncommand = "{command}"\nchannel_id = "7"\n'


@pytest.mark.parametrize(
    ("policy", "source", "settings", "allowed"),
    [
        ("", "x.toml", {}, True),
        ("", "x.toml", {"default_policy": "deny_writes"}, False),
        ("", AS_TEXT, {}, False),
        ("", AS_TEXT, {"wire_policy": "allow"}, True),
        ('allowed_commands = ["*"]', "x.toml", {"default_policy": "deny"}, True),
        ('allowed_commands = ["*"]', AS_TEXT, {}, False),
        ('allowed_commands = ["*"]', "x.toml", {"denied_commands": ("messages.*",)}, False),
        ('allowed_commands = ["*"]', "x.toml", {"allowed_commands": ("channels.*",)}, False),
        ("require_confirmation = true", "x.toml", {"default_policy": "deny"}, False),
        ("allowed_commands = []", "x.toml", {}, False),
    ],
)
def test_nothing_widens_what_another_narrows(
    policy: str, source: str, settings: dict[str, object], allowed: bool
) -> None:
    loaded = parsed(ONE.replace("{command}", "messages.send") + f"[security.policy]\n{policy}\n")
    assert (denied_by(loaded, source, **settings) == [""]) is allowed


def test_a_composed_narrative_keeps_all_policies(tmp_path: Path) -> None:
    """Three deep: each narrative's own holds for its acts and for those of the narratives in it."""
    from botticelli.narrative import load_narrative

    def write(name: str, acts: str, allowed: str) -> Path:
        file = tmp_path / f"{name}.toml"
        bots = "".join(
            f'[bots.{one}]\ncommand = "channels.{one}"\nguild_id = "1"\nchannel_id = "7"\n'
            for one in ("get", "edit", "typing")
        )
        policy = f"[security.policy]\nallowed_commands = {allowed}\n"
        file.write_text(f'[narrative]\nname = "{name}"\n[acts]\n{acts}\n{bots}{policy}', encoding="utf-8")
        return file

    own = 'get = "bots.get"\nedit = "bots.edit"\ntyping = "bots.typing"'
    write("inner", own, '["channels.get", "channels.edit", "channels.typing"]')
    write("middle", '[acts.in]\nnarrative = "inner"\n[acts.say]\nprompt = "x"\n', '["channels.get", "channels.edit"]')
    outer = write("outer", f'{own}\n[acts.in]\nnarrative = "middle"\n', '["channels.get", "channels.typing"]')
    loaded = load_narrative(outer, environment=Environment.for_wire({}, ()))
    found = dict(zip([act.name for act, _ in commands(loaded)], denied_by(loaded), strict=True))
    assert {name for name, said in found.items() if not said} == {"get", "typing", "in.acts.in.acts.get"}
