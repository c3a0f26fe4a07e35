"""What deploy/ names exists: commands and their options, settings, files; and workers get the time that they need to end."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from botticelli.cli.main import root
from botticelli.settings import load_settings
from botticelli.settings.definitions import WorkerSettings

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = {str(path.relative_to(DEPLOY)): path.read_text() for path in DEPLOY.rglob("*") if path.is_file()}
STOP_SECONDS = WorkerSettings().shutdown_grace_seconds
NOBODY = ("BOTTICELLI_DATABASE_URL", "BOTTICELLI_REDIS_URL", "BOTTICELLI_HOME")


def commands() -> list[list[str]]:
    """As lists in JSON or YAML, and as a line of systemd."""
    text = "\n".join(FILES.values())
    lists = re.findall(r"\[((?:\"[^\"]*\"(?:, )?)+)\]", text)
    words_of_lists = [re.findall(r"\"([^\"]*)\"", list_) for list_ in lists]
    return words_of_lists + [shlex.split(line) for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)]


def test_there_are_deployments() -> None:
    assert {
        "Dockerfile",
        "compose.yaml",
        "kubernetes/worker.yaml",
        "systemd/botticelli-worker@.service",
    } <= FILES.keys()


def test_commands_of_botticelli_exist() -> None:
    ours = [words for words in commands() if words[0] == "botticelli"]
    assert len(ours) >= 4
    for _, *words in ours:
        command: click.Command = root
        while words and isinstance(command, click.Group):
            below = command.get_command(click.Context(command), words.pop(0))
            assert below is not None
            command = below
        options = {name for parameter in command.params for name in parameter.opts}
        assert set(words) <= options


def test_workers_and_flower_are_started_with_our_app() -> None:
    programs = [words for words in commands() if words[0].endswith("celery")]
    assert len(programs) >= 4
    assert all(words[1:3] == ["-A", "botticelli"] and words[3] in ("worker", "flower") for words in programs)


def test_compose_worker_has_nothing_that_only_one_container_can_have() -> None:
    """So that `--scale worker=N` works."""
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
        ("kubernetes/worker.yaml", r"terminationGracePeriodSeconds: (\d+)"),
        ("systemd/botticelli-worker@.service", r"TimeoutStopSec=(\d+)"),
    ],
)
def test_a_worker_may_finish_before_it_is_killed(file: str, pattern: str) -> None:
    assert int(re.findall(pattern, FILES[file])[0]) >= max(120, STOP_SECONDS + 20)


def test_pods_get_no_variables_of_services() -> None:
    assert FILES["kubernetes/worker.yaml"].count("enableServiceLinks: false") == 1


def test_nothing_runs_as_root() -> None:
    assert re.findall(r"^USER (\S+)$", FILES["Dockerfile"], re.MULTILINE)[-1] not in ("0", "root")
    assert "runAsNonRoot: true" in FILES["kubernetes/worker.yaml"]
    assert re.search(r"^User=(?!root$)", FILES["systemd/botticelli-worker@.service"], re.MULTILINE)


def test_files_that_are_named_are_there() -> None:
    root = DEPLOY.parent
    assert (root / ".dockerignore").is_file()
    for name in re.findall(r"deploy/[\w./-]+\w", "\n".join(FILES.values())):
        assert name == "deploy/.env" or (root / name).is_file()
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
    assert {"BASE_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE"} == {name for name, _ in images}
    assert all(f"{name}={image}" in FILES["pin-images.sh"] for name, image in images)
    assert re.findall(r"^FROM (\S+)", FILES["Dockerfile"], re.MULTILINE) == ["${BASE_IMAGE}"] * 2
    script = tmp_path / "pin-images.sh"
    script.write_text(FILES["pin-images.sh"])
    checked = subprocess.run(["sh", str(script), "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert checked.stderr.count("is not pinned") == 3
    (tmp_path / ".env").write_text("".join(f"{name}={image}@sha256:{'0' * 64}\n" for name, image in images))
    assert subprocess.run(["sh", str(script), "--check"], check=False).returncode == 0


def test_workers_in_a_cluster_are_reached_by_nobody() -> None:
    policy = FILES["kubernetes/network-policy.yaml"]
    for text in (policy, FILES["kubernetes/worker.yaml"]):
        assert "matchLabels: { app: botticelli-worker }" in text
    assert "policyTypes: [Ingress, Egress]" in policy
    assert "ingress: []" in policy
    for network in ("169.254.0.0/16", "10.0.0.0/8", "168.63.129.16/32"):
        assert network in policy
