"""Wrong settings at the `celery` command line: one line, exit code 2, at once, and no other broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.fleet.command_server import command_folder
from tests.support.fleet.ports import free_port
from tests.support.fleet.processes import BIN, ROOT, House
from tests.support.waiting import at_best, wait_until

SECONDS = 2.0
SECRET = "hunter2hunter2"
SUBCOMMANDS = (
    ("worker",),
    ("worker", "--detach"),
    ("flower",),
    ("inspect", "ping"),
    ("report",),
    ("multi", "show", "w1"),
    ("events", "--dump"),
    ("control", "shutdown"),
    ("status",),
    ("purge", "-f"),
)

FILES = {
    "unknown table": ("[providrs.echo]\n", "botticelli.toml:1:2: unknown setting providrs; did you mean providers?"),
    "unknown key": (
        "[worker]\nthread = 2\n",
        "botticelli.toml:2:1: unknown setting worker.thread; did you mean threads?",
    ),
    "unknown root key": ('default_modle = "echo/echo"', "did you mean default_model?"),
    "wrong type": (
        '[worker]\nthreads = "many"\n',
        "botticelli.toml:2:1: worker.threads: input should be a valid integer",
    ),
    "text for a table": ('worker = "x"\n', "worker"),
    "text for a list": ('[narratives]\npath = "x"\n', "narratives.path"),
    "table for a number": ("[worker.threads]\na = 1\n", "worker.threads"),
    "negative number": ("[worker]\nthreads = -1\n", "worker.threads: input should be greater than or equal to 1"),
    "zero seconds": ("[worker]\nlease_seconds = 0\n", "worker.lease_seconds"),
    "not a number": ("[worker]\nlease_seconds = nan\n", "worker.lease_seconds"),
    "bad database URL": (
        '[database]\nurl = "mysql://h/d"\n',
        "database.url must be a postgresql:// or postgres:// URL",
    ),
    "bad Redis URL": ('[redis]\nurl = "amqp://h"\n', "redis.url must be a redis://, rediss:// or unix:// URL"),
    "bad prefix": ('[redis]\nprefix = "a b"\n', "redis.prefix"),
    "unquoted model": (
        "[providers.gemini.tiers.free.models.gemini-3.8-flash]\nrpm = 1\n",
        '.models."gemini-3.8-flash"]',
    ),
    "unquoted model of three parts": ("[providers.echo.tiers.a.models]\nx-1.2.3.rpm = 1\n", '.models."x-1.2.3"]'),
    "unquoted tenant": ("[budgets.tenants.acme.com]\nrpm = 1\n", '[budgets.tenants."acme.com"]'),
    "unquoted text": ("default_model = echo/echo\n", "is not valid TOML"),
    "unclosed bracket": ("[worker\nthreads = 1\n", "is not valid TOML"),
    "duplicate table": ("[worker]\nthreads = 1\n[worker]\nthreads = 2\n", "is not valid TOML"),
    "duplicate key": ("[worker]\nthreads = 1\nthreads = 2\n", "is not valid TOML"),
    "not UTF-8": (b'default_model = "\xff"\n', "botticelli.toml:1: is not UTF-8 text"),
    "unknown driver": (
        "[drivers.ehco]\nx = 1\n",
        "botticelli.toml:1:10: drivers.ehco: there is no driver 'ehco'; did you mean 'echo'?",
    ),
    "unknown option of a driver": (
        "[drivers.echo]\nlatency = 1\n",
        "botticelli.toml:2:1: unknown setting drivers.echo.latency; did you mean latency_seconds?",
    ),
    "wrong option of a driver": ("[drivers.echo]\nerror_rate = 7\n", "botticelli.toml:2:1: drivers.echo.error_rate"),
    "key in the settings": (f'[drivers.gemini]\napi_key = "{SECRET}"\n', "a key is never a setting"),
    "unknown model": ('default_model = "ehco/x"\n', "default_model: there is no driver 'ehco'; did you mean 'echo'?"),
    "unclaimed model": ('default_model = "nobody-has-this"\n', "default_model: no installed driver claims"),
    "unknown provider": ("[providers.gemni]\n", "providers.gemni: there is no driver 'gemni'; did you mean 'gemini'?"),
    "unknown tier": ('[providers.gemini]\ndefault_tier = "fre"\n', "there is no tier 'fre'"),
    "unknown zone": (
        '[providers.echo]\nday_zone = "Mars/X"\ndefault_tier = "a"\n[providers.echo.tiers.a]\nrpd = 1\n',
        "not a time zone",
    ),
    "unknown zone of a budget": (
        '[[budgets.tenants.a.windows]]\nmetric = "tokens"\nlimit = 1\nperiod_seconds = 86400\nkind = "calendar"\n'
        'zone = "Mars/X"\n',
        "budgets.tenants.a: 'Mars/X' is not a time zone",
    ),
    "unknown platform": ('[platforms.discrod]\nbase_url = "http://x"\n', "did you mean discord?"),
    "unknown implementation": (
        '[platforms.chat]\nimplementation = "discrod"\n',
        "platforms.chat: unknown platform 'discrod'",
    ),
    "unknown option of a platform": ("[platforms.discord.options]\nguild = 1\n", "platforms.discord"),
    "bad table name": ('[tables]\nallow = ["pg_shadow"]\n', "tables.allow"),
    "bad glob": ('[security]\ndenied_commands = ["a b"]\n', "security.denied_commands"),
    "unknown policy": ('[security]\nwire_policy = "alow"\n', "security.wire_policy"),
}
VARIABLES = {
    "wrong number": ({"BOTTICELLI_WORKER__THREADS": "many"}, "environment variable BOTTICELLI_WORKER__THREADS"),
    "unknown variable": ({"BOTTICELLI_WORKER__THREAD": "2"}, "did you mean threads?"),
    "unknown option": (
        {"BOTTICELLI_DRIVERS__ECHO__X": "1"},
        "environment variable BOTTICELLI_DRIVERS__ECHO__X: unknown setting",
    ),
    "unknown driver": ({"BOTTICELLI_DRIVERS__EHCO__X": "1"}, "environment variable BOTTICELLI_DRIVERS__EHCO__X"),
    "bad JSON": ({"BOTTICELLI_NARRATIVES__PATH": "[1,"}, "environment variable BOTTICELLI_NARRATIVES__PATH"),
    "bad URL": (
        {"DATABASE_URL": f"oracle://u:{SECRET}@h/d"},
        "DATABASE_URL: database.url must be a postgresql:// or postgres:// URL",
    ),
    "unknown tier": ({"GEMINI_TIER": "fre"}, "there is no tier 'fre'"),
    "file that is missing": ({"BOTTICELLI_CONFIG": "nowhere.toml"}, "nowhere.toml: can't be read: No such file"),
    "folder for a file": ({"BOTTICELLI_CONFIG": "."}, "can't be read: Is a directory"),
    "broker of another app": (
        {"CELERY_BROKER_URL": f"amqp://u:{SECRET}@localhost"},
        "environment variable CELERY_BROKER_URL: names a broker other than",
    ),
}


class Forks:
    """`celery` processes, forked from one that has imported what they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "tests.support.fleet.forked_celery"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *arguments: str, environ: dict[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        case = {"arguments": arguments, "folder": str(self.folder), "environ": environ}
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        done: dict[str, Any] = json.loads(self._process.stdout.readline())
        return done

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    made = Forks(tmp_path_factory.mktemp("mistakes"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a house that all mistakes share: none of them gets as far as its servers."""
    house = House(tmp_path_factory.mktemp("house"))
    yield house.environ
    house.close()


Refused = Callable[..., str]


@pytest.fixture
def refused(forks: Forks, environ: dict[str, str]) -> Iterator[Refused]:
    """The one line that `celery -A botticelli worker` ends with, where the settings are these."""
    settings = forks.folder / "botticelli.toml"

    def of(text: str | bytes = "", variables: dict[str, str] | None = None) -> str:
        settings.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = forks.run("-A", "botticelli", "worker", environ=environ | (variables or {}))
        lines = done["output"].splitlines()
        assert done["code"] == 2, done
        assert len(lines) == 1, done["output"]
        assert lines[0].startswith("botticelli: error: ")
        assert SECRET not in lines[0]
        assert done["cpu_seconds"] < SECONDS
        return str(lines[0])

    yield of
    settings.unlink(missing_ok=True)


@pytest.mark.parametrize("mistake", FILES)
def test_mistake_in_the_file_ends_the_worker_with_one_line(refused: Refused, mistake: str) -> None:
    text, says = FILES[mistake]
    assert says in refused(text)


@pytest.mark.parametrize("mistake", VARIABLES)
def test_mistake_in_the_environment_ends_the_worker_with_one_line(refused: Refused, mistake: str) -> None:
    variables, says = VARIABLES[mistake]
    assert says in refused(variables=variables)


@pytest.mark.parametrize("arguments", SUBCOMMANDS, ids=" ".join)
def test_mistake_ends_every_subcommand_with_one_line(
    forks: Forks, environ: dict[str, str], arguments: tuple[str, ...]
) -> None:
    settings = forks.folder / "botticelli.toml"
    settings.write_text("[providrs.echo]\n")
    done = forks.run("-A", "botticelli", *arguments, environ=environ)
    settings.unlink()
    assert (done["code"], len(done["output"].splitlines())) == (2, 1), done["output"]
    assert "did you mean providers?" in done["output"]


def test_mistake_ends_a_real_worker_within_two_seconds(house: House) -> None:
    """Not forked: with the start of the interpreter and all imports."""
    house.write("botticelli.toml", '[worker]\nthreads = "many"\n')

    def is_fast() -> bool:
        worker = house.coming_worker()
        begun = _cpu_seconds(worker.popen)
        assert worker.popen.returncode == 2, worker.text()
        assert len(worker.text().splitlines()) == 1, worker.text()
        return begun < SECONDS

    assert at_best(is_fast)


def _cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Return the processor seconds of a process that has ended."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.wait(240)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_multi_reports_the_worker_that_ends_for_its_settings(house: House) -> None:
    house.write("botticelli.toml", "[providrs.echo]\n")
    """Its own exit code is Celery's: without `-A` before `multi`, nothing of ours is in that process."""
    done = house.start(str(command_folder() / "celery"), "multi", "start", "w1", "-A", "botticelli", "--pidfile=w1.pid")
    done.popen.wait(240)
    assert "did you mean providers?" in done.text()
    assert "Traceback" not in done.text()


def test_sending_with_wrong_settings_raises_the_settings_error_each_time(house: House) -> None:
    house.write("botticelli.toml", "[providrs.echo]\n")
    program = """
from botticelli.celery import app
for turn in range(2):
    try:
        app.send_task("botticelli.enqueue", kwargs={"narrative": "x"})
    except Exception as error:
        print(type(error).__name__, error)
"""
    done = house.start(sys.executable, "-c", program)
    assert done.popen.wait(240) == 0, done.text()
    lines = done.text().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("SettingsError ") and "did you mean providers?" in line for line in lines)


def test_flower_listens_on_loopback_unless_told_otherwise(house: House) -> None:
    port = free_port()
    flower = house.start(str(BIN / "celery"), "-A", "botticelli", "flower", f"--port={port}")
    wait_until(lambda: port in _listening(), "Flower to listen")
    assert _listening()[port] == {"0100007F"}, flower.text()
    again = house.start(str(BIN / "celery"), "-A", "botticelli", "flower", f"--port={port}")
    assert again.popen.wait(240) == 1
    assert again.text().splitlines() == [
        "botticelli: error: Flower can't start: Address already in use; choose with --port and --address"
    ]
    everywhere = free_port()
    house.start(
        str(BIN / "celery"), "-A", "botticelli", "flower", f"--port={everywhere}", environ={"FLOWER_ADDRESS": "0.0.0.0"}
    )
    wait_until(lambda: everywhere in _listening(), "Flower to listen everywhere")
    assert _listening()[everywhere] == {"00000000"}


def _listening() -> dict[int, set[str]]:
    """The addresses of listening IPv4 sockets by port, as the kernel writes them; an IPv6 one is `6`."""
    addresses: dict[int, set[str]] = {}
    for table, is_six in (("tcp", False), ("tcp6", True)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            address, _, port = local.partition(":")
            if state == "0A":
                addresses.setdefault(int(port, 16), set()).add("6" if is_six else address)
    return addresses
