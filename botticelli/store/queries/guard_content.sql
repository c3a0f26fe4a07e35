-- Guards a new content table, :name, by row-level security; the function is of tenant_policies.sql.
select botticelli_guard_content(:name)
