"""The methods of a client that make, read and control schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botticelli.client.client_session import Session
from botticelli.client.enqueue_options import EnqueueOptions
from botticelli.errors import InvalidInput
from botticelli.schedules.schedule_policies import CATCH_UP_SECONDS, CatchUp, Overlap

if TYPE_CHECKING:
    from botticelli.carousel.scheduling.outlook import ScheduleReasons, ScheduleView, UpcomingTime
    from botticelli.carousel.scheduling.schedule_control import Backfill, BackfillOverlap
    from botticelli.carousel.scheduling.schedule_definitions import ScheduleChange
    from botticelli.carousel.scheduling.schedule_forecast import SchedulesForecast
    from botticelli.store import FiringView, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """Options of `Client.create_schedule`: either `crons` or `every_seconds`, and whatever differs from the defaults.

        weekdays = ScheduleOptions(crons=["0 9 * * 1-5"], timezone="Europe/Rome", overlap="buffer_one")

    They are the keys of `[narrative.schedule]`.
    """

    name: str | None = None
    """The name of the schedule; by default that of the narrative."""
    crons: Sequence[str] = ()
    """Expressions of five fields, in local time of `timezone`."""
    every_seconds: float | None = None
    """Seconds between two times, counted from `anchor`, or from 1970."""
    anchor: datetime | None = None
    timezone: str = "UTC"
    exclude: Sequence[str] = ()
    """Days (`2026-12-24`), ranges of days (`2026-12-24..2027-01-02`) and cron expressions that suppress times."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter_seconds: float = 0.0
    """Delays each time by up to so many seconds, the same in every process."""
    overlap: Overlap = "skip"
    """Decides about a time that comes while a run of the schedule is unfinished."""
    catch_up: CatchUp = "last"
    """Which times fire that passed while no worker was alive."""
    catch_up_seconds: float = CATCH_UP_SECONDS
    """Older times are missed."""
    max_runs: int | None = None
    """The schedule ends after so many runs."""
    pause_after_failures: int | None = None
    """Pauses the schedule after so many failed runs in a row."""
    live: bool = False
    """Reads the narrative again at each time, instead of a snapshot of now."""


class ScheduleControls(Session):
    """Makes, lists, pauses, resumes, triggers, backfills and deletes schedules, and explains what they did."""

    def schedules(self) -> list[Schedule]:
        """Return all schedules by name.

            for schedule in client.schedules():
                print(schedule.name, schedule.next_at)

        `next_at` is None for one that has no time ahead.
        """
        from botticelli.carousel.scheduling.outlook import list_schedules

        with self._connected() as runtime:
            return list_schedules(runtime)

    def create_schedule(
        self,
        narrative: str | None,
        schedule: ScheduleOptions,
        options: EnqueueOptions | None = None,
        *,
        text: str | None = None,
    ) -> ScheduleChange:
        """Make a schedule, and return its name and its next time.

            weekdays = ScheduleOptions(crons=["0 9 * * 1-5"], timezone="Europe/Rome")
            print(client.create_schedule("digest", weekdays, EnqueueOptions(tags=["daily"])).next_at)

        Pass the `narrative`'s name in the folders of the settings (`"digest"`, `"file#name"`), or None and its TOML as
        `text`, which is checked as a request over the wire. A snapshot of it runs; a live one is read again at each time,
        where a worker performs it. `options` are those of its runs. Raises InvalidInput for a name that is taken, and for
        a value that can't be kept, and NarrativeError.
        """
        from botticelli.carousel.scheduling.schedule_definitions import create_schedule, wish_of
        from botticelli.schedules.definition import ScheduleDefinition

        given = {field.name: getattr(schedule, field.name) for field in fields(schedule)}
        given |= {"crons": tuple(schedule.crons), "exclude": tuple(schedule.exclude)}
        request = {} if options is None else _request_of(options)
        with self._connected() as runtime:
            definition = ScheduleDefinition(**given, request=request)
            return create_schedule(runtime, wish_of(runtime, definition, narrative, text))

    def schedule(self, name: str, *, firings: int = 10) -> ScheduleView:
        """Return a schedule as it stands: its status, its unfinished runs, and what its last times came to.

            view = client.schedule("digest")
            print(view.status, [firing.action for firing in view.firings])

        Raises NotFound.
        """
        from botticelli.carousel.scheduling.outlook import view_schedule

        with self._connected() as runtime:
            return view_schedule(runtime, name, firings=firings)

    def next_times(self, name: str, count: int = 10) -> list[UpcomingTime]:
        """Return the next times of a schedule; excluded ones say by what.

            print([f"{time.nominal_at:%H:%M}" for time in client.next_times("digest", 3)])

        A pause and `max_runs` are not considered. Raises NotFound.
        """
        from botticelli.carousel.scheduling.outlook import upcoming

        with self._connected() as runtime:
            return upcoming(runtime, name, count)

    def why_schedule(self, name: str, *, at: datetime | None = None, limit: int = 10) -> ScheduleReasons:
        """Explain what the last times of a schedule came to, or what became of the time `at` (an aware datetime).

            for firing in client.why_schedule("digest").firings:
                print(firing.nominal_at, firing.action, firing.reason)

        `line` says how the schedule stands, or why there is no record of the time. Raises NotFound.
        """
        from botticelli.carousel.scheduling.outlook import reasons

        with self._connected() as runtime:
            return reasons(runtime, name, at=at, limit=limit)

    def pause_schedule(self, name: str, *, note: str = "") -> Schedule:
        """Pause a schedule: no run starts until it is resumed. `note` is recorded with each time that passes.

            client.pause_schedule("digest", note="holiday")

        Runs that have started go on. Raises NotFound.
        """
        from botticelli.carousel.scheduling.schedule_control import pause_schedule

        with self._connected() as runtime:
            return pause_schedule(runtime, name, self._actor(note))

    def resume_schedule(self, name: str) -> Schedule:
        """Resume a schedule from now on; times that passed meanwhile don't fire.

            client.resume_schedule("digest")

        `backfill_schedule` runs them. Raises NotFound.
        """
        from botticelli.carousel.scheduling.schedule_control import resume_schedule

        with self._connected() as runtime:
            return resume_schedule(runtime, name)

    def trigger_schedule(self, name: str, *, overlap: Overlap | None = None, reason: str = "") -> FiringView:
        """Start a run of a schedule now, also of a paused one, and return what it came to.

            firing = client.trigger_schedule("digest", reason="a second try")
            print(firing.action, firing.run_id)

        `overlap` replaces the schedule's policy this time. Raises InvalidInput when the narrative can't be performed.
        """
        from botticelli.carousel.scheduling.schedule_control import trigger

        with self._connected() as runtime:
            return trigger(runtime, name, self._actor(reason), overlap)

    def backfill_schedule(
        self, name: str, start: datetime, end: datetime, *, overlap: BackfillOverlap = "buffer_all", reason: str = ""
    ) -> Backfill:
        """Run the past times of a schedule that have no run, and return them.

            from datetime import UTC, datetime

            week = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)
            print(len(client.backfill_schedule("digest", *week).times))

        One run follows the other; with `allow` all start at once. Raises InvalidInput for a range that isn't past.
        """
        from botticelli.carousel.scheduling.schedule_control import backfill

        with self._connected() as runtime:
            return backfill(runtime, name, start, end, actor=self._actor(reason), overlap=overlap)

    def delete_schedule(self, name: str) -> None:
        """Delete a schedule with what is recorded of its times. Its runs stay.

            client.delete_schedule("digest")

        Raises NotFound.
        """
        from botticelli.carousel.scheduling.schedule_control import delete_schedule

        with self._connected() as runtime:
            delete_schedule(runtime, name)

    def plan_schedules(self, *, days: float = 1.0, call_seconds: float | None = None) -> SchedulesForecast:
        """Forecast the runs of all active schedules: tokens, cost, overlaps and ends under the budgets that they share.

            print(client.plan_schedules(days=7).cost_usd)

        Starts nothing. `call_seconds` replaces what is known of how long calls take.
        """
        from botticelli.carousel.scheduling.schedule_forecast import forecast_schedules
        from botticelli.runtime.heartbeats import live_workers

        with self._connected() as runtime:
            workers = len(live_workers(runtime))
            return forecast_schedules(runtime, seconds=days * 86_400, workers=workers, call_seconds=call_seconds)


def _request_of(options: EnqueueOptions) -> dict[str, Any]:
    """Return the options of the runs that were given. InvalidInput for those that say which run or narrative is meant."""
    if options.name is not None or options.idempotency_key is not None:
        do = "write `file#name` for one of several narratives"
        raise InvalidInput("a schedule takes neither name nor idempotency_key as options", do=do)
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    given |= {"variables": dict(options.variables), "tags": [*options.tags], "tiers": dict(options.tiers)}
    return {name: value for name, value in given.items() if value}
