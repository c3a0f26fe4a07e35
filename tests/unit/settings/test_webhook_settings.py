"""Wrong `[webhooks.NAME]` and approvers are one line with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.errors import SettingsError
from botticelli.settings import load_settings

GOOD = '[webhooks.hook]\nverify = "github"\nsecret_env = "A_SECRET"\nnarrative = "triage"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("github", "gitlab"), ":2:1: webhooks.hook.verify: input should be 'standard', 'github'"),
        (
            GOOD.replace("A_SECRET", "whsec_hunter2="),
            "secret_env must be the name of an environment variable, not the secret",
        ),
        (GOOD.replace('"A_SECRET"', '["A", "B", "C"]'), ":3:1: webhooks.hook.secret_env: "),
        (GOOD.replace('"A_SECRET"', "[]"), ":3:1: webhooks.hook.secret_env: "),
        (GOOD.replace('secret_env = "A_SECRET"\n', ""), "webhooks.hook.secret_env: field required"),
        (GOOD.replace('narrative = "triage"\n', ""), "webhooks.hook: needs the narrative that its deliveries run"),
        (GOOD.replace("hook]", '"Hook!"]'), "is not the name of a webhook: write small letters, digits, _ and -"),
        (GOOD + "whenn = 1", ":5:1: unknown setting webhooks.hook.whenn; did you mean when?"),
        (GOOD + "variables = { n = 7 }", "webhooks.hook.variables.n: input should be a valid string"),
        ('[webhooks.d]\nverify = "discord"\nsecret_env = "K"\nwhen = "{event}"', "has no narrative, so that when"),
        ('[security]\napprover_user_ids = ["ada"]', ":2:1: security.approver_user_ids: 'ada' is not an id of Discord"),
    ],
)
def test_wrong_webhook_is_one_line_with_its_position(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "botticelli.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, cwd=tmp_path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_one_secret_and_one_condition_may_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text(GOOD + 'when = "{event} == push"')
    webhook = load_settings(environ={}, cwd=tmp_path).webhooks["hook"]
    assert (webhook.secret_env, webhook.when) == (("A_SECRET",), ("{event} == push",))
