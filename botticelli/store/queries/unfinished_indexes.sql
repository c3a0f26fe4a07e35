-- Finds the indexes that a concurrent reindex left behind when it was interrupted.
-- in: tables (array of names)
-- returns: name
select index.relname as name
from pg_index
join pg_class as index on index.oid = pg_index.indexrelid
join pg_class as owner on owner.oid = pg_index.indrelid
where owner.relname = any (cast(:tables as text[]))
  and owner.relnamespace = cast(current_schema() as regnamespace)
  and not pg_index.indisvalid
  and index.relname ~ '_cc(new|old)[0-9]*$'
