-- Creates the role that table queries run as: it may read content tables and none of Botticelli's other tables.
-- Without the permission to create roles, queries keep their other protection: bound values, a read-only transaction, a
-- time limit. Run when the schema is made, and again where a restored backup lacks the grants. The role belongs to the whole
-- server, so another database may have created it already, or do so now.
do $$
begin
  if not exists (select from pg_roles where rolname = 'botticelli_reader') then
    create role botticelli_reader nologin;
  end if;
  execute format('grant botticelli_reader to %I', current_user);
exception when insufficient_privilege or duplicate_object or unique_violation or invalid_grant_operation then
  null;
end
$$;
do $$
begin
  grant usage on schema botticelli_content to botticelli_reader;
  grant select on all tables in schema botticelli_content to botticelli_reader;
  alter default privileges in schema botticelli_content grant select on tables to botticelli_reader;
exception when insufficient_privilege or undefined_object then
  null;
end
$$
