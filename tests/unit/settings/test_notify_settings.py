"""A wrong `[[notify]]` is one line with its position, and shows no address."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.errors import SettingsError
from botticelli.settings import load_settings

HOOK = '[[notify]]\nname = "ops"\non = ["run.failed"]\n'
CHAT = f'{HOOK}kind = "slack"\n'
BOT = f'{HOOK}kind = "discord_bot"\n'
MAIL = f'{HOOK}kind = "email"\nsmtp_url = "smtp://mail.test"\nsender = "a@x.test"\nto = ["b@x.test"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HOOK.replace("failed", "fail"), ":3:7: notify.0.on.0 is not an event; did you mean run.failed?"),
        (HOOK.replace("run.failed", "boom"), ":3:7: notify.0.on.0 is not an event; the events are run.completed, "),
        (HOOK.replace('["run.failed"]', "[]"), ":3:1: notify.0.on: "),
        (HOOK, ":1:3: notify.0: 'ops' needs url or url_env, one of them"),
        (f'{HOOK}url = "https://x.test"', ":1:3: notify.0: 'ops' is of kind webhook and needs secret_envs"),
        (f'{HOOK}url = "hunter2"', ":4:1: notify.0.url must be a http:// or https:// URL"),
        (f'{HOOK}url_env = "https://x.test/hunter2"', ":4:1: notify.0.url_env must be the name of an environment"),
        (f'{HOOK}secret_envs = ["whsec_hunter2="]', ":4:16: notify.0.secret_envs.0 must be the name of an environment"),
        (f'{HOOK}secret_envs = ["A", "B", "C"]', ":4:1: notify.0.secret_envs: "),
        (f'{HOOK}urll = "x"', ":4:1: unknown setting notify.0.urll; did you mean url?"),
        (f'{CHAT}url = "http://x.test"', "must have an https:// url, or allow_private = true"),
        (f'{CHAT}url = "https://x.test"\nsecret_envs = ["A"]', "takes no secret_envs: its address is the secret"),
        (f'{CHAT}url = "https://x.test"\nto = ["a@x.test"]', "takes no smtp_url, smtp_user"),
        (HOOK.replace("ops", "o ps"), ":2:1: notify.0.name: "),
        (MAIL.replace("smtp://mail.test", "smtp://mail.test/x"), "smtp_url must be smtps://HOST:PORT or smtp://HOST"),
        (MAIL.replace("a@x.test", "a@x.test\\nBcc: c@x.test"), "notify.0.sender must be an e-mail address"),
        (MAIL.replace('["b@x.test"]', "[]"), "'ops' is of kind email and needs to"),
        (f'{MAIL}smtp_user = "a"', "needs both smtp_user and smtp_password_env, or neither"),
        (f'{MAIL}url = "https://x.test"', "is of kind email, which takes no url"),
        (BOT, "'ops' is of kind discord_bot and needs the channel_id"),
        (f'{BOT}channel_id = "news"', ":5:1: notify.0.channel_id: "),
        (f'{BOT}channel_id = "1"\nurl = "https://x.test"', "takes channel_id only: the bot's token is DISCORD_TOKEN"),
        (f'{CHAT}url = "https://x.test"\nchannel_id = "1"', "takes no channel_id; a bot is of kind discord_bot"),
        (f"{MAIL}{MAIL}", "notify: two targets are called 'ops'; give each a name of its own"),
        ('[notify]\nname = "ops"', ":1:2: notify: input should be a list"),
    ],
)
def test_wrong_target_is_one_line_with_its_position(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "botticelli.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, cwd=tmp_path)
    assert message in str(caught.value) and str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value) and "hunter2" not in str(caught.value)


def test_address_of_a_target_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text(f'{CHAT}url = "https://hooks.test/hunter2"')
    settings = load_settings(environ={}, cwd=tmp_path)
    assert "hunter2" not in repr(settings) + settings.model_dump_json()


def test_good_targets_load(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text(MAIL + CHAT.replace("ops", "chat") + 'url_env = "CHAT_URL"')
    assert [target.name for target in load_settings(environ={}, cwd=tmp_path).notify] == ["ops", "chat"]
