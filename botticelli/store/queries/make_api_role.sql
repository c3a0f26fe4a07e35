-- Makes the role botticelli_api, which transactions of a tenant's token run as, and grants it what they need.
-- Run when the schema is made and whenever a token of a tenant is created; repeating it changes nothing. Without the
-- permission to create roles nothing happens: tokens of tenants are refused then, with the statements that an
-- administrator has to run. The role belongs to the whole server, so another database may have created it already.
do $$
begin
  if not exists (select from pg_roles where rolname = 'botticelli_api') then
    create role botticelli_api nologin;
  end if;
exception when insufficient_privilege or duplicate_object or unique_violation then
  null;
end
$$;
do $$
begin
  if not pg_has_role(current_user, 'botticelli_api', 'member') then
    execute format('grant botticelli_api to %I', current_user);
  end if;
exception when insufficient_privilege or undefined_object or invalid_grant_operation or unique_violation then
  null;
end
$$;
do $$
begin
  execute format('grant usage on schema %I to botticelli_api', current_schema());
  grant select, insert, update, delete on
    runs, run_actions, iterations, run_items, run_bad_rows, acts, accepted_texts, effects, run_media, schedules, firings,
    notices
  to botticelli_api;
  grant select, insert on media to botticelli_api;
  grant select on ledger, notice_deliveries, budget_overrides, learned_limits, content_tables, probes to botticelli_api;
  grant usage on schema botticelli_content to botticelli_api;
  grant select, update, delete on all tables in schema botticelli_content to botticelli_api;
  alter default privileges in schema botticelli_content grant select, update, delete on tables to botticelli_api;
exception when insufficient_privilege or undefined_object then
  null;
end
$$
