"""Webhooks over a real socket: each status, handshakes, limits, and forgeries by the dozen."""

from __future__ import annotations

import base64
import http.client
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import select

from botticelli.errors import SettingsError
from botticelli.http.app import create_app
from botticelli.monitoring.metrics.exporter import MetricsExporter
from botticelli.runtime.process import Runtime
from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.store.schema.tables import runs
from botticelli.webhooks.receive import receive
from botticelli.webhooks.webhook import read_webhook
from tests.support.http import webhook_senders
from tests.support.http.served_app import served
from tests.support.http.webhook_senders import KINDS, SECRETS, Sent, forgeries, sent
from tests.support.waiting import wait_until

TRIAGE = '[narrative]\nname = "triage"\n[acts]\nread = "Read {var.event}"\n'
HANDSHAKES: dict[WebhookKind, tuple[dict[str, Any], dict[str, str], tuple[int, bytes]]] = {
    "github": ({"zen": "x"}, {"x_github_event": "ping"}, (200, b'{"pong":true}')),
    "slack": ({"type": "url_verification", "challenge": "3eZb"}, {}, (200, b'{"challenge":"3eZb"}')),
    "stripe": ({"id": "evt_00000000000000"}, {}, (200, b'{"test":true}')),
    "discord": ({"type": 1, "id": "1", "token": "x"}, {}, (200, b'{"type":1}')),
}
MakeRuntime = Callable[..., Runtime]


@pytest.fixture
def make_receiver(make_runtime: MakeRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRuntime:
    """Runtimes that receive a webhook of each kind, called like it."""
    folder = tmp_path / "narratives"
    folder.mkdir()
    (folder / "triage.toml").write_text(TRIAGE)
    flags = {}
    for kind in KINDS:
        monkeypatch.setenv(f"SECRET_OF_{kind.upper()}", SECRETS[kind])
        flags[f"webhooks__{kind}__verify"] = kind
        flags[f"webhooks__{kind}__secret_env"] = f"SECRET_OF_{kind.upper()}"
        flags[f"webhooks__{kind}__narrative"] = "triage"
        flags[f"webhooks__{kind}__variables"] = '{"event": "{event}"}'
    return lambda **more: make_runtime(**flags | more)


@pytest.fixture
def runtime(make_receiver: MakeRuntime) -> Runtime:
    return make_receiver()


@pytest.fixture
def url(runtime: Runtime) -> Iterator[str]:
    with served(runtime) as address:
        yield address


def post(url: str, webhook: Sent, name: str = "") -> tuple[int, bytes, dict[str, str]]:
    """Send a webhook as it is, without a library that would correct it."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    try:
        connection.request("POST", f"/webhooks/{name or webhook.kind}", webhook.raw, webhook.headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), {key.lower(): value for key, value in answer.getheaders()}
    finally:
        connection.close()


def run_count(runtime: Runtime) -> int:
    with runtime.store.transaction() as tx:
        return len(list(tx.connection.execute(select(runs.c.id))))


def now() -> int:
    return int(time.time())


def test_each_kind_is_received_once_and_answered_in_its_form(runtime: Runtime, url: str) -> None:
    for kind in KINDS:
        webhook = sent(kind, at=now())
        assert [post(url, webhook)[0] for _ in range(5)] == [204 if kind == "discord" else 202] * 5
    assert run_count(runtime) == len(KINDS)
    for kind, (body, headers, expected) in HANDSHAKES.items():
        assert post(url, sent(kind, body, at=now()).having(**headers))[:2] == expected
    assert post(url, sent("discord", {"type": 0, "version": 1}, at=now()))[:2] == (204, b"")
    assert run_count(runtime) == len(KINDS)


def test_command_of_discord_is_answered_with_a_message_that_only_its_author_sees(runtime: Runtime, url: str) -> None:
    body = {"type": 2, "id": "77", "token": "a-secret-token", "data": {"name": "digest"}}
    status, answer, _ = post(url, sent("discord", body, at=now()))
    assert (status, b'"flags":64' in answer, b"a-secret-token" in answer) == (200, True, False)
    assert run_count(runtime) == 1


def test_wrong_requests_have_each_their_status(url: str) -> None:
    good = sent("github", at=now())
    assert post(url, good, "nobody")[0] == 404
    assert post(url, good.having(x_hub_signature_256="sha256=00"))[0] == 401
    assert post(url, sent("github", raw=b"{"))[0] == 400
    status, body, headers = post(url, sent("github", raw=b" " * 1_000_001))
    assert (status, headers["content-type"], b'"status":413' in body) == (413, "application/problem+json", True)


def test_body_without_a_length_is_cut_off_at_the_limit(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    chunks = (b"x" * 100_000 for _ in range(20))
    connection.request("POST", "/webhooks/github", chunks, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_webhook_while_postgres_is_away_is_to_be_sent_again(make_receiver: MakeRuntime) -> None:
    with served(make_receiver(database__url="postgresql://nobody@127.0.0.1:1/none")) as url:
        status, _, headers = post(url, sent("stripe", at=now()))
        assert (status, headers["retry-after"]) == (503, "2")
        assert post(url, sent("discord", {"type": 1}, at=now()))[0] == 200, "a ping needs no database"


def test_forged_webhooks_over_http_are_all_refused(runtime: Runtime, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make forged` tries 10,000 of them."""
    monkeypatch.setattr(webhook_senders, "NOW", now())
    count = max(80, int(os.environ.get("FORGED", "80")))
    ways: Counter[str] = Counter()
    for way, webhook in forgeries(count, seed=int(os.environ.get("SEED", "7"))):
        if all(text.isascii() and text.isprintable() for text in webhook.headers.values()):
            status, body, _ = post(url, webhook)
            assert status == 401, (way, webhook, body)
            ways[way] += 1
        webhook_senders.NOW = now()
    assert len(ways) > 60
    assert run_count(runtime) == 0
    print(f"\n{ways.total():,} forged webhooks over HTTP in {len(ways)} ways, 0 accepted")


def test_server_does_not_start_with_a_webhook_that_can_not_be_received(make_receiver: MakeRuntime) -> None:
    with pytest.raises(SettingsError, match=r"webhooks\.github\.narrative: .*there is no narrative 'nothing'"):
        create_app(make_receiver(webhooks__github__narrative="nothing"))


def test_api_lists_webhooks_and_deliveries_and_tries_a_body(runtime: Runtime, url: str) -> None:
    post(url, sent("github", at=now()))
    listed = {item["name"]: item for item in httpx2.get(f"{url}/v1/webhooks", timeout=120).json()["items"]}
    assert (set(listed), listed["github"]["accepted"], listed["github"]["problem"]) == (set(KINDS), 1, None)
    (delivery,) = httpx2.get(f"{url}/v1/webhooks/deliveries?outcome=accepted", timeout=120).json()["items"]
    assert (delivery["webhook"], delivery["delivery_id"], delivery["times"]) == ("github", "d-1", 1)
    tried = httpx2.post(f"{url}/v1/webhooks/github:test", json={"body": {"a": 1}, "event": "push"}, timeout=120)
    assert tried.json() == {
        "outcome": "accepted",
        "narrative": "triage",
        "event": "push",
        "variables": {"event": "push"},
    }
    assert run_count(runtime) == 1
    missing = httpx2.post(f"{url}/v1/webhooks/nobody:test", json={"body": {}}, timeout=120)
    assert missing.status_code == 404


def test_standard_webhook_of_another_botticelli_is_received(url: str) -> None:
    """`[webhooks.NAME]` takes what `[[notify]]` sends."""
    from botticelli.security.webhook_signatures import sign_webhook

    key = base64.b64decode(SECRETS["standard"].removeprefix("whsec_"))
    raw = b'{"type":"run.completed","timestamp":"2026-11-29T03:00:00+00:00","data":{"run_id":"r"}}'
    headers = sign_webhook("notice-1", now(), raw, [key])
    assert post(url, Sent("standard", dict(headers), raw, "webhook-signature"))[0] == 202


def test_requests_to_a_webhook_are_counted_by_their_outcome(runtime: Runtime, url: str) -> None:
    good = sent("stripe", at=now())
    for webhook in (good, good, sent("stripe", at=now() - 400), sent("stripe", raw=b"{", at=now())):
        post(url, webhook)
    for _ in range(2):
        post(url, good.having(stripe_signature="t=1,v1=00"), "github")
    assert post(url, sent("github", raw=b" " * 1_000_001))[0] == 413
    post(url, good, "nobody")
    httpx2.get(f"{url}/metrics").raise_for_status()
    exporter = MetricsExporter(runtime, cache_seconds=0, margin_seconds=0)

    def counts() -> dict[str, str]:
        lines = exporter.page().decode().splitlines()
        return dict(line.split(" ") for line in lines if line.startswith("botticelli_webhook_requests_total"))

    wait_until(lambda: any("accepted" in name for name in counts()), "the delivery to be counted")
    assert counts() == {
        f'botticelli_webhook_requests_total{{outcome="{outcome}",webhook="{webhook}"}}': number
        for outcome, webhook, number in [
            ("accepted", "stripe", "1.0"),
            ("outdated", "stripe", "1.0"),
            ("malformed", "stripe", "1.0"),
            ("forged", "github", "2.0"),
            ("too_large", "github", "1.0"),
        ]
    }


def test_secret_in_a_file_is_rotated_without_a_restart(
    make_receiver: MakeRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("the-first-secret\n")
    monkeypatch.delenv("SECRET_OF_GITHUB")
    monkeypatch.setenv("SECRET_OF_GITHUB_FILE", str(file))
    runtime = make_receiver()
    webhook = read_webhook(runtime, "github")

    def status(secret: str) -> int:
        ping = sent("github", {"zen": "x"}, secret=secret).having(x_github_event="ping")
        return receive(runtime, webhook, ping.headers, ping.raw).status

    assert (status("the-first-secret"), status("the-second-secret")) == (200, 401)
    file.write_text("")
    assert status("the-first-secret") == 200, "a file that is being written changes nothing"
    file.write_text("the-second-secret")
    assert (status("the-first-secret"), status("the-second-secret")) == (401, 200)
