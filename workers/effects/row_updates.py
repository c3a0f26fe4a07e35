"""Performs `update_table` of the platform `database`, with its record in the same transaction: it happens once.

A rehearsal makes the change and rolls it back: its answer is true, and the table stays unchanged.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from botticelli.carousel.plan.table_queries import condition_of
from botticelli.errors import InvalidInput, PlatformError
from botticelli.narrative import as_text, render_value
from botticelli.narrative.language.keys import MAX_ROWS
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.narrative.parts.table_updates import read_update
from botticelli.narrative.templates.row_filter import Refused
from botticelli.platforms.database import UPDATE_TABLE
from botticelli.security.policy import Call
from botticelli.store import Intent, Tables
from workers.context.iteration_context import IterationContext, effect_key
from workers.context.outcomes import ActFailed
from workers.context.reference_values import resolver
from workers.effects.prepared_command import Authorization

PLATFORM = "database"


def update_table(stage: IterationContext, act: Act, name: str, input_: BotCommandInput) -> Any:
    """Update a table, and return `rows_affected` and `table_name`.

    `name` is unique within the iteration. ActFailed when a required update failed; else the failure text.
    """
    try:
        return _updated(stage, act, name, input_)
    except (InvalidInput, Refused, PlatformError) as error:
        if input_.required:
            raise ActFailed(f"{input_.command}: {error}") from None
        return f"{input_.command} failed: {error}"


def _updated(stage: IterationContext, act: Act, name: str, input_: BotCommandInput) -> Any:
    update = read_update(input_.args)
    resolve = partial(resolver, stage)
    where = condition_of(update.where, resolve)
    values = {column: as_text(render_value(value, resolve)) for column, value in update.values.items()}
    args = {"table_name": update.table_name, "where": repr(where), "updates": values, "limit": update.limit}
    settings, claim = stage.tables, stage.claim
    intent = Intent(
        key=effect_key(claim, name, PLATFORM, UPDATE_TABLE, args),
        run_id=claim.run_id,
        number=claim.number,
        act=act.name,
        platform=PLATFORM,
        command=UPDATE_TABLE,
        args=args,
        fencing_token=claim.fencing_token,
    )
    authorization = Authorization(stage, act, input_)
    rule = authorization.required_approval(Call(PLATFORM, UPDATE_TABLE, True, args, has_places=False), None)
    if rule is not None:
        authorization.require_approval(intent, rule)
    with stage.about_to_act() as tx:
        authorization.enforce_caps(tx, intent.key)
        record = tx.effects.record_intent(intent)
        if record.status == "done":
            return record.output
        tx.limit_statements(settings.timeout_seconds)
        tables = Tables(tx.connection, allow=settings.allow, write=settings.write, rehearse=stage.is_rehearsal)
        with tx.in_savepoint(stage.run.rehearse):
            rows = tables.change(update.table_name, where, values, update.limit)
        if rows > MAX_ROWS:
            raise InvalidInput(
                f"it would change {rows:,} rows, at most {MAX_ROWS:,} are allowed", do="narrow its where, or set limit"
            )
        output = {"rows_affected": rows, "table_name": update.table_name}
        tx.effects.finish(intent.key, "done", output=output)
    return output
