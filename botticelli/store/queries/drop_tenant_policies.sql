-- Removes the policies of tenant_policies.sql, of every table that has them.
do $$
declare
  target record;
begin
  for target in select schemaname, tablename from pg_policies where policyname = 'botticelli_tenant' loop
    execute format('drop policy botticelli_tenant on %I.%I', target.schemaname, target.tablename);
    execute format('alter table %I.%I disable row level security', target.schemaname, target.tablename);
  end loop;
end
$$;
drop function botticelli_guard_content(text);
drop function botticelli_is_of_tenant(text)
