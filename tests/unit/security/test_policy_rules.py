"""Which rules hold for which act: of the settings, of the way it came, of its narrative, of those around it, of its bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.carousel.checks.command_checks import check_commands
from botticelli.errors import InvalidInput, NarrativeError, SettingsError
from botticelli.narrative import Environment, Loaded, parse_narrative
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.runtime.process import Runtime
from botticelli.runtime.settings_check import check_settings
from botticelli.security.policy import SENT_AS_TEXT, Call, Denied, judge, rules_for
from botticelli.settings import load_settings
from botticelli.settings.definitions import SecuritySettings
from botticelli.settings.demands import Demands, demands_from_rows, stored


def parsed(text: str) -> Loaded:
    return parse_narrative(text, source="x.toml", folder=None, environment=Environment.for_wire({}, ()))


def commands(loaded: Loaded) -> list[tuple[Act, BotCommandInput]]:
    return [
        (act, input_) for act in loaded.narrative.acts for input_ in act.inputs if isinstance(input_, BotCommandInput)
    ]


def denied_by(loaded: Loaded, source: str = "x.toml", **settings: object) -> list[str]:
    """For each command, what denies it, or nothing."""
    denials = []
    for act, command in commands(loaded):
        rules = rules_for(SecuritySettings(**settings), loaded.narrative, act, command, source)  # type: ignore[arg-type]
        args = {name: "".join(map(str, value.parts)) for name, value in command.args.items()}  # type: ignore[union-attr]
        verdict = judge(rules, Call("discord", command.command, command.command == "messages.send", args))
        denials.append(str(verdict) if isinstance(verdict, Denied) else "")
    return denials


ONE = '[narrative]\nname = "one"\n[acts]\nx = "bots.x"\n[bots.x]\ncommand = "{command}"\nchannel_id = "7"\n'


@pytest.mark.parametrize(
    ("policy", "source", "settings", "allowed"),
    [
        ("", "x.toml", {}, True),
        ("", "x.toml", {"default_policy": "deny_writes"}, False),
        ("", SENT_AS_TEXT, {}, False),
        ("", SENT_AS_TEXT, {"wire_policy": "allow"}, True),
        ('allowed_commands = ["*"]', "x.toml", {"default_policy": "deny"}, True),
        ('allowed_commands = ["*"]', SENT_AS_TEXT, {}, False),
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
            f'[bots.{verb}]\ncommand = "channels.{verb}"\nguild_id = "1"\nchannel_id = "7"\n'
            for verb in ("get", "edit", "typing")
        )
        policy = f"[security.policy]\nallowed_commands = {allowed}\n"
        file.write_text(f'[narrative]\nname = "{name}"\n[acts]\n{acts}\n{bots}{policy}', encoding="utf-8")
        return file

    own = 'get = "bots.get"\nedit = "bots.edit"\ntyping = "bots.typing"'
    write("inner", own, '["channels.get", "channels.edit", "channels.typing"]')
    write("middle", '[acts.in]\nnarrative = "inner"\n[acts.say]\nprompt = "x"\n', '["channels.get", "channels.edit"]')
    outer = write("outer", f'{own}\n[acts.in]\nnarrative = "middle"\n', '["channels.get", "channels.typing"]')
    loaded = load_narrative(outer, environment=Environment.for_wire({}, ()))
    denials = dict(zip([act.name for act, _ in commands(loaded)], denied_by(loaded), strict=True))
    assert {name for name, said in denials.items() if not said} == {"get", "typing", "in.acts.in.acts.get"}


GLOB_KEYS = ["allowed_commands", "denied_commands", "require_confirmation"]
MISSPELT = {
    "mesages.send": "did you mean messages.send?",
    "Messages.Send": "did you mean messages.send?",
    "discord.mesages.send": "did you mean messages.send?",
    "discrod.messages.send": "did you mean messages.send?",
    "update_tabel": "did you mean update_table?",
    "messages": "did you mean messages.*?",
    "mesages.*": "did you mean messages.*?",
    "x.y": "write noun.verb",
}


@pytest.mark.parametrize("key", GLOB_KEYS)
@pytest.mark.parametrize("glob", MISSPELT)
def test_misspelt_command_in_security_settings_is_refused(tmp_path: Path, key: str, glob: str) -> None:
    runtime = runtime_with(tmp_path, {f"security.{key}": f'["messages.*", "{glob}"]'})
    with pytest.raises(SettingsError) as caught:
        check_settings(runtime)
    assert str(caught.value).startswith(f"--set security.{key}: security.{key}: no platform has a command {glob};")
    assert MISSPELT[glob] in str(caught.value)


@pytest.mark.parametrize(
    "glob",
    [
        "messages.send",
        "*.send",
        "*",
        "discord.*",
        "discord.messages.send",
        "database.update_table",
        "update_*",
        "echo.a.b",
    ],
)
@pytest.mark.parametrize("key", GLOB_KEYS)
def test_glob_that_fits_a_command_is_taken(tmp_path: Path, key: str, glob: str) -> None:
    check_settings(runtime_with(tmp_path, {f"security.{key}": f'["{glob}"]'}))


def test_glob_of_platform_without_catalogue_is_taken(tmp_path: Path) -> None:
    own = {"platforms.slack.implementation": "echo", "security.require_confirmation": '["slack.posts.*", "posts.pin"]'}
    check_settings(runtime_with(tmp_path, own))


def test_misspelt_command_that_enqueuer_demands_is_refused(tmp_path: Path) -> None:
    demands = [Demands(security=SecuritySettings(require_confirmation=("mesages.send",)))]
    loaded = parsed(ONE.format(command="channels.get"))
    with pytest.raises(InvalidInput, match=r"no platform has a command mesages.send"):
        check_commands(runtime_with(tmp_path), loaded.narrative, "x.toml", rehearse=True, demands=demands)


def test_misspelt_command_in_confirmations_of_narrative_is_refused(tmp_path: Path) -> None:
    policy = '[security.policy]\nrequire_confirmation = ["mesages.send"]\n'
    loaded = parsed(ONE.format(command="channels.get") + policy)
    with pytest.raises(NarrativeError) as caught:
        check_commands(runtime_with(tmp_path), loaded.narrative, "x.toml", rehearse=True)
    what = "x.toml: [security.policy] require_confirmation: no platform has a command mesages.send"
    assert str(caught.value) == f"{what}; did you mean messages.send?"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("platforms.discord.options.guild_di", "1", "options.guild_di; did you mean guild_id?"),
        ("platforms.discord.options.x", "1", "options.x; known: base_url, guild_id"),
        ("platforms.discord.implementation", "ehco", "unknown platform 'ehco'; did you mean echo?"),
        ("drivers.openai.api_key_env", "sk-proj-abcdefGHIJ1234567890", "must be the name of an environment variable"),
        ("default_model", "gemini/models/", "no installed driver claims the model 'gemini/models/'"),
        ("platforms.discord", "3", "platforms.discord: input should be a table"),
    ],
)
def test_misspelt_setting_of_a_plug_in_names_its_source_and_the_nearest(
    tmp_path: Path, key: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_settings(runtime_with(tmp_path, {key: value}))
    assert str(caught.value).startswith(f"--set {key}: ")
    assert message in str(caught.value)
    assert "abcdefGHIJ" not in str(caught.value)


def runtime_with(folder: Path, flags: dict[str, str] | None = None) -> Runtime:
    return Runtime(load_settings(flags or {}, environ={}, cwd=folder))


def test_stored_demands_name_no_setting_that_demands_nothing() -> None:
    """A worker of a former version refuses rules that it doesn't know: new ones stand only where they demand something."""
    demands = (Demands(), Demands(security=SecuritySettings(max_iterations=None, guild_ids=("1",), approval_hours=2)))
    rows = stored(demands)
    assert demands_from_rows(rows) == demands
    named = [name for row in rows for name, value in row["security"].items() if value is None]
    assert named == ["max_iterations"]
