"""Commands, options, settings and files that deploy/ names exist, and workers get the time that they need to end."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from botticelli import __version__
from botticelli.cli.main import root
from botticelli.settings import load_settings
from botticelli.settings.definitions import WorkerSettings

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = {
    str(path.relative_to(DEPLOY)): path.read_text()
    for path in DEPLOY.rglob("*")
    if path.is_file() and path.suffix != ".pyc"
}
TEMPLATES = "helm/botticelli/templates/"
CHART = {name.removeprefix(TEMPLATES): text for name, text in FILES.items() if name.startswith(TEMPLATES)}
STOP_SECONDS = WorkerSettings().shutdown_grace_seconds
NOBODY = ("BOTTICELLI_DATABASE_URL", "BOTTICELLI_REDIS_URL", "BOTTICELLI_HOME", "BOTTICELLI_CONFIG")


def commands() -> list[list[str]]:
    """As lists in JSON or YAML, and as a line of systemd."""
    text = "\n".join(text for name, text in FILES.items() if not name.endswith(".py"))
    lists = re.findall(r"\[((?:\"[^\"]*\"(?:, )?)+)\]", text)
    words_of_lists = [re.findall(r"\"([^\"]*)\"", list_) for list_ in lists]
    return words_of_lists + [shlex.split(line) for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)]


def test_there_are_deployments() -> None:
    assert {
        "Dockerfile",
        "compose.yaml",
        "helm/botticelli/templates/worker.yaml",
        "systemd/botticelli-metrics.service",
        "systemd/botticelli-serve.service",
        "systemd/botticelli-worker@.service",
    } <= FILES.keys()


def test_commands_of_botticelli_exist() -> None:
    ours = [words for words in commands() if words[0].rpartition("/")[2] == "botticelli"]
    assert len(ours) >= 6
    for _, *words in ours:
        command: click.Command = root
        while words and isinstance(command, click.Group):
            below = command.get_command(click.Context(command), words.pop(0))
            assert below is not None
            command = below
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options
        assert not words or words[0] in options


def test_workers_and_flower_are_started_with_our_app() -> None:
    programs = [words for words in commands() if words[0].endswith("celery")]
    assert len(programs) >= 4
    assert all(words[1:3] == ["-A", "botticelli"] and words[3] in ("worker", "flower") for words in programs)


def test_compose_worker_has_nothing_that_only_one_container_can_have() -> None:
    """`--scale worker=N` would fail otherwise."""
    service = re.search(r"^  worker:\n((?:    .*\n)+)", FILES["compose.yaml"], re.MULTILINE)
    assert service is not None
    assert re.findall(r"^    (container_name|hostname|ports|volumes):", service[1], re.MULTILINE) == []


@pytest.mark.parametrize("file", FILES)
def test_variables_are_settings(file: str, tmp_path: Path) -> None:
    named = set(re.findall(r"\bBOTTICELLI_[A-Z_]+", FILES[file])) - set(NOBODY)
    load_settings(environ={name: "1" for name in named}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("compose.yaml", r"stop_grace_period: (\d+)s"),
        ("systemd/botticelli-worker@.service", r"TimeoutStopSec=(\d+)"),
    ],
)
def test_a_worker_may_finish_before_it_is_killed(file: str, pattern: str) -> None:
    assert int(re.findall(pattern, FILES[file])[0]) >= max(120, STOP_SECONDS + 20)


def test_pods_are_killed_a_minute_after_the_grace_of_their_workers() -> None:
    assert "terminationGracePeriodSeconds: {{ add .Values.worker.shutdownGraceSeconds 60 }}" in CHART["worker.yaml"]
    assert f"shutdownGraceSeconds: {STOP_SECONDS:g} " in FILES["helm/botticelli/values.yaml"]
    assert f"threads: {WorkerSettings().threads}\n" in FILES["helm/botticelli/values.yaml"]


def test_pods_get_no_variables_of_services_and_no_token() -> None:
    pods = [name for name, text in CHART.items() if "containers:" in text]
    assert sorted(pods) == ["metrics.yaml", "migrate.yaml", "serve.yaml", "worker.yaml"]
    assert all('include "botticelli.pod"' in CHART[name] for name in pods)
    assert all('include "botticelli.container"' in CHART[name] for name in pods)
    assert "enableServiceLinks: false" in CHART["_helpers.tpl"]
    assert "automountServiceAccountToken: false" in CHART["_helpers.tpl"]


def test_scaler_never_takes_an_empty_answer_for_a_number() -> None:
    assert "query: max(botticelli_admissible_iterations) or vector(0)\n" in FILES["helm/botticelli/values.yaml"]
    assert 'ignoreNullValues: "false"' in CHART["scaled-object.yaml"]


def test_schema_of_the_chart_knows_all_its_values() -> None:
    schema = json.loads(FILES["helm/botticelli/values.schema.json"])
    values = set(re.findall(r"^(\w+):", FILES["helm/botticelli/values.yaml"], re.MULTILINE))
    assert values | {"global"} == schema["properties"].keys() and schema["additionalProperties"] is False
    used = set(re.findall(r"\.Values\.(\w+)", "\n".join(CHART.values())))
    assert used <= values


def test_chart_has_the_version_of_the_package() -> None:
    for key in ("version", "appVersion"):
        assert f"\n{key}: {__version__}\n" in FILES["helm/botticelli/Chart.yaml"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_units_are_hardly_exposed() -> None:
    checked = subprocess.run(
        [sys.executable, str(DEPLOY / "checks" / "check_units.py")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(".service ") == len([name for name in FILES if name.endswith(".service")])


def test_bill_of_materials_has_every_installed_package() -> None:
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "bill_of_materials.py")], capture_output=True, text=True, check=True
    )
    bill = json.loads(done.stdout)
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/botticelli@{__version__}"
    names = {component["name"] for component in bill["components"]}
    assert {"celery", "sqlalchemy", "redis", "pydantic-core"} <= names and len(names) > 50
    assert "bill_of_materials.py > /opt/botticelli/bill-of-materials.json" in FILES["Dockerfile"]


def test_nothing_runs_as_root() -> None:
    assert re.findall(r"^USER (\S+)$", FILES["Dockerfile"], re.MULTILINE)[-1] not in ("0", "root")
    assert "runAsNonRoot: true" in CHART["_helpers.tpl"]
    units = [text for name, text in FILES.items() if name.endswith(".service")]
    assert all(re.search(r"^User=(?!root$)", text, re.MULTILINE) for text in units)


def test_files_that_are_named_are_there() -> None:
    root = DEPLOY.parent
    assert (root / ".dockerignore").is_file()
    for name in re.findall(r"deploy/[\w./-]+\w", "\n".join(FILES.values())):
        assert name == "deploy/.env" or (root / name).exists()
    for name in re.findall(r"--requirement (\S+)", FILES["Dockerfile"]):
        assert (root / name).is_file()


def test_flower_of_compose_needs_a_login() -> None:
    flower = FILES["compose.yaml"].partition("\n  flower:")[2]
    assert "FLOWER_BASIC_AUTH: botticelli:${FLOWER_PASSWORD:?" in flower
    assert '"127.0.0.1:5555:5555"' in flower


def test_no_password_is_an_argument_of_a_program() -> None:
    arguments = [word for words in commands() for word in words]
    assert not [word for word in arguments if "PASSWORD" in word or "requirepass" in word]


def test_every_image_can_be_pinned(tmp_path: Path) -> None:
    images = re.findall(r"\$\{([A-Z]+_IMAGE):-([^}]+)\}", FILES["compose.yaml"])
    assert {"BASE_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE", "PROMETHEUS_IMAGE", "GRAFANA_IMAGE"} == {
        name for name, _ in images
    }
    assert all(f"{name}={image}" in FILES["pin-images.sh"] for name, image in images)
    assert re.findall(r"^FROM (\S+)", FILES["Dockerfile"], re.MULTILINE) == ["${BASE_IMAGE}"] * 2
    script = tmp_path / "pin-images.sh"
    script.write_text(FILES["pin-images.sh"])
    checked = subprocess.run(["sh", str(script), "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert checked.stderr.count("is not pinned") == 5
    (tmp_path / ".env").write_text("".join(f"{name}={image}@sha256:{'0' * 64}\n" for name, image in images))
    assert subprocess.run(["sh", str(script), "--check"], check=False).returncode == 0


def test_workers_in_a_cluster_are_reached_by_nobody() -> None:
    policy = CHART["network-policy.yaml"]
    assert "policyTypes: [Ingress, Egress]" in policy
    assert "ingress: []" in policy
    for network in ("169.254.0.0/16", "10.0.0.0/8", "168.63.129.16/32"):
        assert network in policy
