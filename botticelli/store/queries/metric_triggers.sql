-- Creates the trigger that notes waits for budgets, in the transaction of the change: a row for each refusal that made a run
-- wait, and one for each wait that ended with an admission. The cap of a run is no scope that others share: it is named `run`.
-- It runs as its owner, since the role of a tenant's token may change runs and not write waits.
create function botticelli_on_wait() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if new.waiting_for is not null and new.status = 'waiting' then
    insert into budget_waits (scope, "window")
    values (
      case when new.waiting_for ->> 'scope' like 'run:%' then 'run' else coalesce(new.waiting_for ->> 'scope', '') end,
      coalesce(new.waiting_for ->> 'window', '')
    );
  elsif old.waiting_since is not null and new.waiting_since is null then
    insert into budget_waits (scope, "window", waited_seconds)
    values (
      coalesce(old.waiting_for ->> 'scope', ''), coalesce(old.waiting_for ->> 'window', ''),
      greatest(0, extract(epoch from clock_timestamp() - old.waiting_since))
    );
  end if;
  return null;
end
$$;

create trigger waits_of_run after update of waiting_for, waiting_since on runs for each row
when (
  (old.waiting_for, old.waiting_since, old.due_at) is distinct from (new.waiting_for, new.waiting_since, new.due_at)
  and (new.waiting_for is not null or old.waiting_since is not null)
)
execute function botticelli_on_wait();
