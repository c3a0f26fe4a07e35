-- Creates the trigger that writes the notice of an effect that was approved or rejected, in the transaction of the decision.
-- asked_id is the id of the notice by which it was asked for, as botticelli_notice_of_effect makes it.
create function botticelli_on_decision() returns trigger language plpgsql as $$
begin
  insert into notices (id, type, run_id, narrative, tags, tenant, data)
  select
    md5(concat_ws(' ', 'decided', new.key, new.decided_at))::uuid::text, 'effect.decided', run.id, run.narrative,
    run.tags, run.snapshot #>> '{run_options,tenant}',
    jsonb_build_object(
      'effect_id', new.key, 'run_id', run.id, 'narrative', run.narrative, 'iteration', new.number, 'act', new.act,
      'platform', new.platform, 'command', new.command, 'status', new.status, 'decided_by', new.decided_by,
      'reason', left(new.decision_reason, 1000), 'edited', new.prepared_args is not null,
      'asked_id', md5(concat_ws(' ', 'waiting', old.key, old.intended_at))::uuid::text
    )
  from runs as run where run.id = new.run_id
  on conflict (id) do nothing;
  return null;
end
$$;

create trigger notices_of_decided_effect after update of status on effects for each row
when (old.status = 'waiting' and new.status in ('approved', 'rejected'))
execute function botticelli_on_decision();
