-- Creates the triggers that write the notices of runs and effects into the outbox, in the transaction of the change.
-- A run that ends or pauses is one notice each time. An effect that waits, or whose outcome is unknown, is one notice for each
-- time it was announced; one that was announced and whose run has ended is unknown, too. Prompts, outputs and arguments are
-- left out.
-- botticelli_run_facts returns what a notice says of a run.
create function botticelli_run_facts(run runs) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'run_id', run.id, 'narrative', run.narrative, 'status', run.status, 'reason', left(run.reason, 1000),
    'hold', run.hold, 'rehearse', run.rehearse, 'iterations', run.iterations, 'succeeded', run.succeeded,
    'failed', run.failed, 'input_tokens', run.input_tokens, 'output_tokens', run.output_tokens,
    'cost_usd', trim_scale(run.cost_usd), 'created_at', run.created_at, 'started_at', run.started_at,
    'finished_at', run.finished_at
  )
$$;

create function botticelli_notice_of_effect(effect effects, run runs) returns void language sql as $$
  insert into notices (id, type, run_id, narrative, tags, tenant, data)
  select
    md5(concat_ws(' ', kind, effect.key, effect.intended_at))::uuid::text, 'effect.' || kind, run.id, run.narrative,
    run.tags, run.snapshot #>> '{run_options,tenant}',
    jsonb_build_object(
      'effect_id', effect.key, 'run_id', run.id, 'narrative', run.narrative, 'iteration', effect.number,
      'act', effect.act, 'platform', effect.platform, 'command', effect.command, 'status', kind,
      'error', left(effect.error, 1000), 'expires_at', effect.expires_at
    )
  from (select case effect.status when 'waiting' then 'waiting' else 'unknown' end as kind) as kinds
  on conflict (id) do nothing
$$;

create function botticelli_on_run() returns trigger language plpgsql as $$
begin
  if new.status <> 'cancelled' then
    insert into notices (id, type, run_id, narrative, tags, tenant, data)
    values (
      gen_random_uuid()::text, 'run.' || new.status, new.id, new.narrative, new.tags,
      new.snapshot #>> '{run_options,tenant}', botticelli_run_facts(new)
    );
  end if;
  if new.status <> 'paused' then
    perform botticelli_notice_of_effect(effects, new) from effects where run_id = new.id and status = 'intended';
  end if;
  return null;
end
$$;

create function botticelli_on_effect() returns trigger language plpgsql as $$
begin
  perform botticelli_notice_of_effect(new, runs) from runs where id = new.run_id;
  return null;
end
$$;

create trigger notices_of_run after update of status on runs for each row
when (
  old.status is distinct from new.status
  and new.status in ('completed', 'failed', 'budget_exhausted', 'cancelled', 'paused')
)
execute function botticelli_on_run();

create trigger notices_of_new_effect after insert on effects for each row
when (new.status in ('waiting', 'unknown'))
execute function botticelli_on_effect();

create trigger notices_of_effect after update of status on effects for each row
when ((old.status, old.intended_at) is distinct from (new.status, new.intended_at) and new.status in ('waiting', 'unknown'))
execute function botticelli_on_effect();
