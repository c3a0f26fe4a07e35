-- Shows the role botticelli_api only the rows of the tenant in the setting botticelli.tenant: none while it is not set.
-- Other roles see all rows, as before: the tables' owner is not subject to policies, and everybody else is let through.
-- What hangs on a run is visible with the run, since the query within the policy is subject to that of runs.
alter table runs enable row level security;
create policy botticelli_tenant on runs
using (current_user <> 'botticelli_api' or tenant = current_setting('botticelli.tenant', true));
alter table schedules enable row level security;
create policy botticelli_tenant on schedules
using (current_user <> 'botticelli_api' or tenant = current_setting('botticelli.tenant', true));
alter table notices enable row level security;
create policy botticelli_tenant on notices
using (current_user <> 'botticelli_api' or tenant = current_setting('botticelli.tenant', true));
alter table firings enable row level security;
create policy botticelli_tenant on firings
using (current_user <> 'botticelli_api' or exists (select from schedules where id = schedule_id));
alter table notice_deliveries enable row level security;
create policy botticelli_tenant on notice_deliveries
using (current_user <> 'botticelli_api' or exists (select from notices where id = notice_id));
do $$
declare
  child text;
begin
  foreach child in array array[
    'run_actions', 'iterations', 'run_items', 'run_bad_rows', 'acts', 'accepted_texts', 'effects', 'ledger', 'run_media'
  ] loop
    execute format('alter table %I enable row level security', child);
    execute format(
      'create policy botticelli_tenant on %I using (
         current_user <> ''botticelli_api'' or exists (select from runs where runs.id = run_id)
       )',
      child
    );
  end loop;
end
$$;
-- Tells whether a run is the tenant's. It runs as its owner, since the role that reads content tables for narratives may
-- read nothing else: a query of runs within the policy would be refused to it.
create function botticelli_is_of_tenant(run text) returns boolean language sql stable security definer
set search_path from current as $$
  select exists (select from runs where id = run and tenant = current_setting('botticelli.tenant', true))
$$;
-- Guards a content table: its rows are visible with their run. Called for each new one, too (guard_content.sql).
create function botticelli_guard_content(name text) returns void language plpgsql as $$
begin
  execute format('alter table botticelli_content.%I enable row level security', name);
  execute format(
    'create policy botticelli_tenant on botticelli_content.%I using (
       current_user <> ''botticelli_api'' or botticelli_is_of_tenant(source_run)
     )',
    name
  );
end
$$;
select botticelli_guard_content(cast(tablename as text)) from pg_tables where schemaname = 'botticelli_content'
