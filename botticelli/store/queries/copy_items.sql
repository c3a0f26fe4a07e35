-- Copies the rows of a run to a new one, which performs the same rows.
-- in: old, new
with copied as (
    insert into run_items (run_id, number, key, line, row)
    select :new, number, key, line, row
    from run_items
    where run_id = :old
)
insert into run_bad_rows (run_id, line, reason)
select :new, line, reason
from run_bad_rows
where run_id = :old
