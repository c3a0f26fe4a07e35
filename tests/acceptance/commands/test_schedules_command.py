"""Schedules from the command line, fired by a real worker: the shipped carousel, files that change, and bad input."""

from __future__ import annotations

import json
import shlex
from datetime import datetime

from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

EACH_SECOND = "[narrative.schedule]\nevery_seconds = 1\nmax_runs = 3\noverlap = 'allow'\n"


def test_shipped_welcome_carousel_is_scheduled_hourly_for_a_day(house: House) -> None:
    house.settings["TEST_GUILD_ID"] = "42"
    done = house.run("schedules", "apply", "discord/welcome_carousel")
    assert done.returncode == 0, done.stderr
    shown = house.json("schedules", "show", "welcome_carousel", "--json")
    assert (shown["crons"], shown["remaining"], shown["request"]) == (["0 * * * *"], 24, {"iterations": 1})
    times = house.json("schedules", "next", "welcome_carousel", "--count", "3", "--json")
    assert [datetime.fromisoformat(time["nominal_at"]).minute for time in times] == [0, 0, 0]
    house.worker()
    run_id = house.run("schedules", "trigger", "welcome_carousel").stdout.strip()
    with house.client() as client:
        assert client.wait(run_id, timeout_seconds=120).status == "completed"
    acts = house.json("runs", "show", run_id, "--json")["iterations"][0]["acts"]
    assert [act["status"] for act in acts] == ["done", "done", "done"]


def test_worker_fires_a_schedule_until_its_runs_are_used_up(house: House) -> None:
    house.write("n.toml", narrative_text(1) + EACH_SECOND)
    assert house.run("schedules", "apply", "n.toml").returncode == 0
    house.worker()

    def is_over() -> bool:
        shown = house.json("schedules", "show", "test", "--json")
        statuses = [firing["run_status"] for firing in shown["firings"] if firing["action"] == "started"]
        return shown["status"] == "ended" and statuses == ["completed"] * 3

    wait_until(is_over, "three runs to complete")
    runs = house.json("runs", "list", "--json")
    assert len(runs) == len({run["id"] for run in runs}) == 3


def test_several_files_are_applied_together_or_not_at_all(house: House) -> None:
    house.write("a.toml", narrative_text(1, name="a") + EACH_SECOND)
    house.write("b.toml", narrative_text(1, name="b") + '[narrative.schedule]\ncron = "0 25 * * *"\n')
    done = house.run("schedules", "apply", "a.toml", "b.toml")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert line == (
        "botticelli: error: b.toml:9:1: [narrative.schedule] cron: 0 25 * * * has a wrong hour;"
        ' minute, hour, day, month, weekday: "0 9 * * 1"'
    )
    assert house.json("schedules", "--json") == []
    house.write("b.toml", narrative_text(1, name="b"))
    done = house.run("schedules", "apply", "a.toml", "b.toml")
    assert done.returncode == 2
    assert "b.toml: has no [narrative.schedule]; add one, or use `schedules create`" in done.stderr
    assert house.json("schedules", "--json") == []
    assert house.run("schedules", "apply", ".").returncode == 0
    assert [each["name"] for each in house.json("schedules", "--json")] == ["a"]
    house.write("a.toml", narrative_text(1, name="a"))
    (change,) = house.json("schedules", "apply", ".", "--prune", "--json")
    assert (change["name"], change["action"]) == ("a", "prune")


def test_live_schedule_reads_its_file_again_and_a_snapshot_does_not(house: House) -> None:
    for name in ("live", "still"):
        house.write(f"{name}.toml", narrative_text(1, name=name))
    assert house.run("schedules", "create", "live.toml", "--cron", "@yearly", "--live").returncode == 0
    assert house.run("schedules", "create", "still.toml", "--cron", "@yearly").returncode == 0
    for name in ("live", "still"):
        house.write(f"{name}.toml", narrative_text(2, name=name))
    house.worker()
    with house.client() as client:
        runs = [client.wait(house.run("schedules", "trigger", name).stdout.strip(), 120) for name in ("live", "still")]
    assert [run.successful_iterations for run in runs] == [2, 1]


WRONG = [
    ("--cron '0 9 * * MOON'", "cron: 0 9 * * MOON has a wrong day-of-week"),
    ("--every 0s", "'0s' must be longer than 0 seconds"),
    ("--every 0.5s", "every_seconds: must be a number from 1, not 0.5"),
    ("--cron @daily --timezone Mars/Olympus", "timezone: there is no time zone Mars/Olympus"),
    ("--cron @daily --ends-at 2020-01-01", "ends_at: the schedule never fires: it is over"),
    ("--cron @daily --ends-at soon", "'soon' is not a date"),
    ("--cron @daily --var who=Ada", "the narrative has no variable 'who'"),
    ("--cron @daily --tier none=x", "there is no provider 'none'"),
    ("", "cron: a schedule needs cron or every_seconds"),
]


def test_wrong_input_is_refused_in_one_line_each(house: House) -> None:
    house.write("n.toml", narrative_text(1))
    for options, message in WRONG:
        done = house.run("schedules", "create", "n.toml", *shlex.split(options))
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        assert (done.returncode, len(errors), "Traceback" in done.stderr) == (2, 1, False), done.stderr
        assert message in errors[0]
    assert house.json("schedules", "--json") == []
    assert house.run("schedules", "create", "n.toml", "--cron", "@daily", "--name", "digest").returncode == 0
    for verb in (["show"], ["next"], ["why"], ["pause"], ["resume"], ["trigger"], ["delete", "--yes"]):
        done = house.run("schedules", verb[0], "digets", *verb[1:], "--json")
        assert done.returncode == 2
        problem = json.loads(done.stdout)["problems"][0]
        assert (problem["what"], problem["do"]) == ("there is no schedule 'digets'", "did you mean digest?")
    done = house.run("schedules", "backfill", "digest", "--from", "1h", "--to", "1d")
    assert (done.returncode, "the range ends before it begins" in done.stderr) == (2, True)
