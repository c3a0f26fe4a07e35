"""`narrative check` of files of the founding form: what only a run needs is warned of, and refused to whoever enqueues."""

from __future__ import annotations

from pathlib import Path

import pytest

HEAD = '[toc]\norder = ["a"]\n[acts]\na = "bots.x"\n[bots.x]\nplatform = "discord"\n'
GUILD = 'guild_id = "123456789012345678"\n'

SAMPLES = {
    "unset variable": ('command = "channels.list"\nguild_id = "${NOWHERE_ID}"\n', "${NOWHERE_ID} is not set"),
    "unset variable of env": (
        'command = "channels.list"\nguild_id = "${env:NOWHERE_ID}"\n',
        "${NOWHERE_ID} is not set",
    ),
    "unknown command": (f'command = "server.something_else"\n{GUILD}', "no command 'server.something_else'"),
    "name of a channel": (
        'command = "messages.send"\nchannel_name = "general"\ncontent = "hi"\n',
        "names are not looked up; write channel_id",
    ),
    "name of a role": (
        f'command = "roles.assign"\n{GUILD}user_id = "123456789012345678"\nrole_name = "Moderator"\n',
        "names are not looked up; write role_id",
    ),
    "unknown argument": (
        f'command = "channels.list"\n{GUILD}cache_duration = 300\n',
        "cache_duration: is not an argument",
    ),
    "missing argument": ('command = "messages.send"\ncontent = "hi"\n', "is required by messages.send"),
}


@pytest.mark.parametrize(("lines", "said"), SAMPLES.values(), ids=SAMPLES)
def test_sample_that_no_run_can_perform_is_warned_of_at_check(call, monkeypatch, lines, said):
    monkeypatch.delenv("NOWHERE_ID", raising=False)
    Path("old.toml").write_text(HEAD + lines)
    checked = call("narrative", "check", "old.toml")
    assert checked.exit_code == 0
    (warning,) = [line for line in checked.stderr.splitlines() if said in line]
    assert warning.startswith("botticelli: warning: old.toml:")


def test_misspelt_argument_of_a_founding_sample_is_an_error(call):
    Path("old.toml").write_text(f'{HEAD}command = "messages.send"\nchannel_id = "1"\ncontnet = "hi"\n')
    result = call("narrative", "check", "old.toml")
    assert result.exit_code == 2
    assert "did you mean content?" in result.stderr


def test_unknown_platform_of_a_founding_sample_is_a_warning(call):
    Path("old.toml").write_text(HEAD.replace('"discord"', '"slack"') + 'command = "channels.list"\n')
    result = call("narrative", "check", "old.toml")
    assert result.exit_code == 0
    assert "unknown platform 'slack'" in result.stderr


def test_unset_variable_is_warned_of_once_at_its_first_place(call, monkeypatch):
    monkeypatch.delenv("NOWHERE_ID", raising=False)
    Path("new.toml").write_text('[acts]\na = "To ${NOWHERE_ID}"\nb = "To ${NOWHERE_ID}"\n')
    result = call("narrative", "check", "new.toml")
    assert result.exit_code == 0
    (warning,) = result.stderr.splitlines()
    assert "new.toml:2:9: [acts] a: ${NOWHERE_ID} is not set in the environment; set NOWHERE_ID where" in warning


def test_narration_beside_narrative_has_no_effect(call):
    Path("old.toml").write_text('[narrative]\nname = "x"\n[narration]\nname = "y"\n[acts]\na = "x"\n')
    result = call("narrative", "check", "old.toml")
    assert result.exit_code == 0
    assert "[narration]: has no effect beside [narrative]" in result.stderr


def test_literal_id_that_looks_like_a_placeholder_is_judged(call):
    policy = '[security.constraints]\nguild_id = "2"\n'
    Path("old.toml").write_text(f'{HEAD}command = "channels.list"\nguild_id = "100000000000000000"\n{policy}')
    result = call("narrative", "check", "old.toml")
    assert result.exit_code == 2
    assert "guild 100000000000000000 is not allowed" in result.stderr
