"""Mechanisms that keep a run whole when processes and servers go, each switched off."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

SQL = "botticelli/store/queries/"
CAROUSEL, STORE = "tests/integration/carousel/", "tests/integration/store/"
DISCORD, SWEEP = "tests/integration/discord/", ("tests/chaos/test_crash_points.py", "-m", "long or not long", "-k")

RECOVERY = (
    Mutant(
        "a message claims what nobody holds",
        SQL + "claim.sql",
        "      and iterations.status = 'queued'\n",
        "",
        (CAROUSEL + "test_recovery.py", "-k", "claimed_once"),
    ),
    Mutant(
        "the fence of every write",
        SQL + "guard.sql",
        " and iterations.fence = asked.fence",
        "",
        (CAROUSEL + "test_recovery.py", "-k", "wakes_up_after_its_lease"),
    ),
    Mutant(
        "the fence of a renewal",
        SQL + "guard.sql",
        " and iterations.fence = asked.fence",
        "",
        (STORE + "test_runs.py", "-k", "renewing"),
    ),
    Mutant(
        "what no row knows of is taken from the queue alone",
        "workers/lua/take_more.lua",
        " or not string.find(message, ARGV[2], 1, true)",
        "",
        ("tests/integration/broker", "-k", "request_is_never"),
    ),
    Mutant(
        "a connection that the server ended is noticed",
        "botticelli/store/pinging.py",
        "    return bool(poll.poll(0))",
        "    return False",
        ("tests/integration/store/test_pinging.py", "-k", "ended"),
    ),
    Mutant(
        "the guard right before a call",
        "workers/model_calls.py",
        "        self._stage.begin(lambda tx: self._take_back(tx, drawn.draw))\n",
        "",
        (CAROUSEL + "test_levers.py", "-k", "guard_that_is_old"),
    ),
    Mutant(
        "the attempt is counted at the claim",
        SQL + "claim.sql",
        "attempt = iterations.attempt + 1",
        "attempt = iterations.attempt",
        (CAROUSEL + "test_recovery.py", "-k", "lost_worker_s_iteration"),
    ),
    Mutant(
        "a lease runs out before its iteration is taken",
        SQL + "lost_iterations.sql",
        " and lease_until < now()",
        "",
        (CAROUSEL + "test_recovery.py", "-k", "lost_worker_s_iteration"),
    ),
    Mutant(
        "the grace before a message is sent again",
        SQL + "unclaimed_iterations.sql",
        "  and iterations.due_at <= now()\n",
        "",
        (CAROUSEL + "test_recovery.py", "-k", "nobody_claims"),
    ),
    Mutant(
        "messages are sent again at all",
        "workers/sweep.py",
        "for one in unclaimed if one.key in again]",
        "for one in unclaimed if False]",
        (*SWEEP, "enqueuer-row_committed-sigkill"),
    ),
    Mutant(
        "draws of a lost worker count",
        "workers/sweep.py",
        "    tx.ledger.abandon(lost.run_id, lost.number)\n",
        "",
        (CAROUSEL + "test_recovery.py", "-k", "lost_draw"),
    ),
    Mutant(
        "finished acts are kept",
        "workers/claims.py",
        "finished=finished[number],",
        "finished=[],",
        (CAROUSEL + "test_recovery.py", "-k", "finished_acts_are_kept"),
    ),
    Mutant(
        "failed acts of a lost iteration are kept",
        "workers/claims.py",
        "failed_acts=failed_acts[number],",
        "failed_acts={},",
        (CAROUSEL + "test_recovery.py", "-k", "a_failed_act_whose_iteration_was_lost"),
    ),
    Mutant(
        "dispatchers take turns at a run",
        "botticelli/store/runs.py",
        ".with_for_update()).mappings().first()",
        ").mappings().first()",
        (STORE + "test_runs.py", "-k", "admitting_many"),
    ),
    Mutant(
        "a ticket is released at the end",
        "workers/perform.py",
        '            reach("acts_performed")\n            release(runtime, held)\n',
        '            reach("acts_performed")\n',
        (CAROUSEL + "test_runs.py", "-k", "nothing_is_held"),
    ),
    Mutant(
        "an idempotency key names one run",
        "botticelli/messages.py",
        "return str(uuid.uuid5(_RUN_IDS, idempotency_key))",
        "return new_run_id()",
        (CAROUSEL + "test_runs.py", "-k", "same_key"),
    ),
    Mutant(
        "a failure starts nothing more",
        "workers/conclusions.py",
        "            if not run.continue_on_error and run.ending is None:\n",
        "            if False:\n",
        (CAROUSEL + "test_runs.py", "-k", "failure_ends_the_run"),
    ),
    Mutant(
        "a pause at once is looked at before each call",
        "workers/stage.py",
        "    if wanted.is_held:\n        raise RunHeld\n",
        "",
        (CAROUSEL + "test_levers.py", "-k", "pause_now_holds"),
    ),
    Mutant(
        "one worker of the fleet sweeps",
        SQL + "take_duty.sql",
        "where duties.taken_at <= now() - make_interval(secs => :interval_seconds)",
        "where :interval_seconds > 0",
        (CAROUSEL + "test_duties.py", "-k", "takes_a_duty"),
    ),
    Mutant(
        "what waits in the queue is not sent again",
        "workers/waiting_tasks.py",
        "    return set(keys) - {key for one in found if (key := _key_of(one)) is not None}",
        "    return set(keys)",
        (CAROUSEL + "test_queue.py", "-k", "burst_that_waits"),
    ),
    Mutant(
        "requests of a dead worker are put back",
        "workers/sweeper.py",
        "            self._taken.put_back(self._runtime)\n",
        "",
        (*SWEEP, "worker-request_received-sigkill"),
    ),
    Mutant(
        "what kills its workers is refused",
        "workers/lost_requests.py",
        "losses >= runtime.settings.worker.max_attempts",
        "losses < 0",
        (CAROUSEL + "test_queue.py", "-k", "dead_worker_held"),
    ),
    Mutant(
        "a time limit waits for no act",
        "workers/order.py",
        "        pool.shutdown(wait=False, cancel_futures=True)\n",
        "        pool.shutdown(cancel_futures=True)\n",
        ("tests/acceptance/test_prefork.py", "-k", "interrupts_a_call and side"),
    ),
    Mutant(
        "what children hold is handed back",
        "workers/departure.py",
        "                self._hand_back_of_children(busy, why)\n",
        "",
        ("tests/acceptance/test_prefork.py", "-k", "ends_in_time and after"),
    ),
    Mutant(
        "a Redis that forgot is told by the ledger",
        "botticelli/store/queries/charged.sql",
        "where ",
        "where false and ",
        (CAROUSEL + "test_runs.py", "-k", "forgot_the_day"),
    ),
)

EFFECTS = (
    Mutant(
        "texts ping nobody",
        "botticelli/platforms/discord/texts.py",
        '{"parse": list(allowed), "replied_user": False}',
        '{"parse": ["everyone", *allowed], "replied_user": False}',
        (DISCORD + "test_commands.py", "-k", "harmless_text"),
    ),
    Mutant(
        "the nonce of a message",
        "botticelli/platforms/discord/messages.py",
        '"enforce_nonce": True}',
        '"enforce_nonce": False}',
        (*SWEEP, "message-effect_performed-sigkill"),
    ),
    Mutant(
        "looking before doing again",
        "workers/effects.py",
        "        if announced.repeated:\n            found",
        "        if False:\n            found",
        (*SWEEP, "worker-effect_performed-sigkill"),
    ),
    Mutant(
        "what is done is answered from the ledger",
        "workers/effects.py",
        '            if record.status == "done":\n                return record.output\n',
        "",
        (DISCORD + "test_effects.py", "-k", "not_even_asked"),
    ),
    Mutant(
        "what a lost iteration made is found by the next",
        "workers/effects.py",
        "            self._settle_twins(platform, spec, args)\n",
        "",
        (DISCORD + "test_effects.py", "-k", "lost_one_has_made"),
    ),
    Mutant(
        "Postgres's clock for the age of an intent",
        SQL + "intend_effect.sql",
        "extract(epoch from clock_timestamp() - announced.intended_at)::float",
        "0::float",
        (DISCORD + "test_effects.py", "-k", "clock_is_slow"),
    ),
    Mutant(
        "makers of the same thing take turns",
        SQL + "name_lock.sql",
        "select pg_try_advisory_xact_lock(hashtextextended(:name, 0))",
        "select :name <> ''",
        (DISCORD + "test_effects.py", "-k", "locked_once"),
    ),
)
