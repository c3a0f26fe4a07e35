"""Webhooks that start runs, over real servers: a delivery is one run, however often and wherever it comes."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from botticelli.carousel import prune
from botticelli.cli.system.doctor_checks import CHECKS
from botticelli.errors import SettingsError
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import ReceivedWebhook, Run
from botticelli.store.schema.tables import runs
from botticelli.store.schema.webhook_tables import webhook_deliveries
from botticelli.webhooks import receive as receiving
from botticelli.webhooks.delivery import Reply
from botticelli.webhooks.overview import list_webhooks
from botticelli.webhooks.receive import receive
from botticelli.webhooks.replies import Rejection
from botticelli.webhooks.webhook import Webhook, read_webhooks
from tests.support.http.webhook_senders import BODIES, NOW, SECRETS, Sent, sent
from tests.support.narratives import perform_all
from tests.support.waiting import wait_until
from workers.recovery.duties.expired_data import ExpiredData

TRIAGE = """
[narrative]
name = "triage"

[acts]
read = "Read {var.title} of {var.event}"
"""
ROOT = Path(__file__).parents[3]
VARIABLES = '{"title": "{body.issue.title}", "event": "{event}"}'
MakeRuntime = Callable[..., Runtime]


@pytest.fixture
def github(make_runtime: MakeRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRuntime:
    """Runtimes that receive webhooks of GitHub as `hook`."""
    monkeypatch.setenv("GITHUB_SECRET", SECRETS["github"])
    folder = tmp_path / "narratives"
    folder.mkdir()
    (folder / "triage.toml").write_text(TRIAGE)

    def make(**flags: str) -> Runtime:
        own = {"verify": "github", "secret_env": "GITHUB_SECRET", "narrative": "triage", "variables": VARIABLES}
        own |= {"when": '["{body.action} == opened"]', "tenant": "acme", "tags": '["hook"]'}
        named = {name if "__" in name else f"webhooks__hook__{name}": text for name, text in (own | flags).items()}
        return make_runtime(**named)

    return make


def post(runtime: Runtime, webhook: Sent, known: Webhook | None = None) -> Reply | Rejection:
    return receive(runtime, known or read_webhooks(runtime)["hook"], webhook.headers, webhook.raw, now=NOW)


def all_runs(runtime: Runtime) -> list[Any]:
    with runtime.store.transaction() as tx:
        return list(tx.connection.execute(select(runs.c.id)).scalars())


def rows(runtime: Runtime) -> list[ReceivedWebhook]:
    with runtime.store.transaction() as tx:
        return tx.webhooks.recent()


def run_of(runtime: Runtime, run_id: str) -> Run:
    with runtime.store.transaction() as tx:
        return tx.runs.get(run_id)


def test_delivery_that_comes_five_times_makes_one_run(github: MakeRuntime) -> None:
    runtime = github()
    answers = [post(runtime, sent("github")) for _ in range(5)]
    (run_id,) = all_runs(runtime)
    assert [answer.status for answer in answers] == [202] * 5
    assert {answer.body["run_id"] for answer in answers if isinstance(answer, Reply)} == {run_id}
    (row,) = rows(runtime)
    assert (row.outcome, row.run_id, row.times, row.delivery_id, row.tenant) == ("accepted", run_id, 5, "d-1", "acme")
    run = perform_all(runtime, run_id)
    assert (run.status, list(run.tags)) == ("completed", ["hook"])
    with runtime.store.transaction() as tx:
        snapshot = tx.runs.snapshot(run_id)
    assert snapshot.variables == {"title": "A title", "event": "issues"}
    assert snapshot.narrative["run_options"]["tenant"] == "acme"


def test_delivery_that_comes_to_two_replicas_at_once_makes_one_run(github: MakeRuntime) -> None:
    replicas = [github(), github()]
    known = [read_webhooks(replica)["hook"] for replica in replicas]
    barrier, answers = threading.Barrier(6), []

    def come(number: int) -> None:
        barrier.wait()
        answers.append(post(replicas[number % 2], sent("github"), known[number % 2]))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [202] * 6
    assert len(all_runs(replicas[0])) == 1
    assert [row.times for row in rows(replicas[0])] == [6]


def test_delivery_whose_first_attempt_failed_half_way_makes_one_run(
    github: MakeRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process dies after the run is stored; meanwhile somebody has changed the narrative."""
    runtime = github()
    with monkeypatch.context() as dying:
        dying.setattr(receiving, "reach", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            post(runtime, sent("github"))
    (run_id,) = all_runs(runtime)
    assert rows(runtime) == []
    (tmp_path / "narratives" / "triage.toml").write_text(TRIAGE.replace("Read", "Study"))
    answer = post(runtime, sent("github"))
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body["run_id"], all_runs(runtime)) == (202, run_id, [run_id])
    assert [row.run_id for row in rows(runtime)] == [run_id]


def test_delivery_is_remembered_when_its_run_was_pruned(github: MakeRuntime) -> None:
    runtime = github()
    post(runtime, sent("github"))
    (run_id,) = all_runs(runtime)
    perform_all(runtime, run_id)
    prune(runtime, datetime.now(UTC) + timedelta(hours=1))
    assert all_runs(runtime) == []
    copy = post(runtime, sent("github").having(x_github_delivery="a-copy"))
    assert isinstance(copy, Reply)
    assert (copy.status, copy.body["run_id"], all_runs(runtime)) == (202, run_id, [])


def test_delivery_that_does_not_match_runs_nothing(github: MakeRuntime) -> None:
    runtime = github()
    answer = post(runtime, sent("github", {**BODIES["github"], "action": "closed"}))
    assert answer == Reply(200, {"outcome": "ignored", "delivery": "d-1"})
    assert (all_runs(runtime), [row.outcome for row in rows(runtime)]) == ([], ["ignored"])


def test_delivery_that_can_not_be_performed_is_refused_until_it_can(github: MakeRuntime, tmp_path: Path) -> None:
    runtime = github()
    known = read_webhooks(runtime)["hook"]
    assert post(runtime, sent("github", {"action": "opened"}), known).status == 422
    assert [row.error for row in rows(runtime)] == ["the body has no {body.issue.title}"]
    narrative = tmp_path / "narratives" / "triage.toml"
    narrative.write_text("broken")
    assert post(runtime, sent("github"), known).status == 422
    assert all_runs(runtime) == []
    narrative.write_text(TRIAGE)
    assert post(runtime, sent("github"), known).status == 202
    assert next((row.outcome, row.error, row.times) for row in rows(runtime)) == ("accepted", None, 2)


def test_delivery_while_redis_is_away_is_kept_and_performed_later(github: MakeRuntime) -> None:
    """Postgres has it: the sweep admits it when Redis is there again."""
    runtime, away = github(), github(redis__url="redis://127.0.0.1:1/0")
    answer = post(away, sent("github"), read_webhooks(runtime)["hook"])
    (run_id,) = all_runs(runtime)
    assert (answer.status, run_of(runtime, run_id).status) == (202, "queued")
    assert run_of(runtime, run_id).due_at is not None


def test_delivery_while_postgres_is_away_is_for_the_sender_to_repeat(github: MakeRuntime) -> None:
    runtime, away = github(), github(database__url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(SERVER_ERRORS):
        post(away, sent("github"), read_webhooks(runtime)["hook"])
    assert post(runtime, sent("github")).status == 202
    assert [row.times for row in rows(runtime)] == [1]


def test_webhook_that_can_not_be_received_says_where(github: MakeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, part in (
        ({"when": '["{body.action} = opened"]'}, "webhooks.hook.when: '{body.action} = opened' is not a condition"),
        (
            {"variables": '{"title": "{bdy.x}", "event": "x"}'},
            "webhooks.hook.variables.title: '{bdy.x}' is not a reference",
        ),
        ({"variables": '{"event": "x"}'}, "triage needs the variable 'title'"),
        ({"narrative": "triag"}, "there is no narrative 'triag'"),
        ({"secret_env": "NOT_SET"}, "the environment variable NOT_SET is not set"),
    ):
        runtime = github(**flags)
        with pytest.raises(SettingsError) as refusal:
            read_webhooks(runtime)
        assert part in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert [view.problem for view in list_webhooks(runtime)] == [str(refusal.value)]
        invocation: Any = SimpleNamespace(runtime=runtime)
        assert [(line.state, line.detail) for line in CHECKS["webhooks"](invocation)] == [("fail", str(refusal.value))]


def test_expired_deliveries_are_deleted(github: MakeRuntime) -> None:
    runtime = github()
    post(runtime, sent("github"))
    ExpiredData(runtime).run()
    assert len(rows(runtime)) == 1
    with runtime.store.transaction() as tx:
        tx.connection.execute(update(webhook_deliveries).values(expires_at=func.now()))
    ExpiredData(runtime).run()
    assert rows(runtime) == []


def test_server_killed_in_a_delivery_has_made_the_run_of_the_next_one(github: MakeRuntime, tmp_path: Path) -> None:
    """The sender sees a connection that breaks, and delivers again to another replica."""
    runtime, points, webhook = github(), tmp_path / "points", sent("github")
    points.mkdir()
    (points / "webhook_run_stored").touch()
    program = [str(Path(sys.executable).with_name("botticelli")), "serve", "--port", "0", "--json"]
    environ = environment_of(runtime) | {"BOTTICELLI_FAILPOINTS": str(points)}
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environ, cwd=tmp_path) as server:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())
        connection = http.client.HTTPConnection(address["host"], address["port"], timeout=60)
        connection.request("POST", "/webhooks/hook", webhook.raw, webhook.headers)
        wait_until((points / "webhook_run_stored.reached").exists, "the run to be stored")
        server.kill()
        with pytest.raises(ConnectionError):
            connection.getresponse()
        connection.close()
    (run_id,) = all_runs(runtime)
    assert rows(runtime) == []
    answer = post(runtime, webhook)
    assert isinstance(answer, Reply) and answer.body["run_id"] == run_id
    assert (all_runs(runtime), [row.times for row in rows(runtime)]) == ([run_id], [1])
    assert perform_all(runtime, run_id).status == "completed"


def environment_of(runtime: Runtime) -> dict[str, str]:
    """Return the environment of another process with the same settings."""
    hook = runtime.settings.webhooks["hook"].model_dump(exclude_defaults=True, mode="json")
    return dict(os.environ) | {
        "BOTTICELLI_DATABASE_URL": runtime.database_url,
        "BOTTICELLI_REDIS_URL": runtime.redis_url,
        "BOTTICELLI_REDIS__PREFIX": runtime.settings.redis.prefix,
        "BOTTICELLI_WEBHOOKS": json.dumps({"hook": hook}),
        "PYTHONPATH": str(ROOT),
    }
