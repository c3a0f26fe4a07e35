-- Lists the first segments of all keys that have more than one. Jumps from each segment to the next, so that it reads one
-- row for each of them and for each key without a dot, however many keys there are.
-- in: nothing
-- returns: one segment per row, in order
with recursive walk (key) as (
  (select key from narrative_state order by key using ~<~ limit 1)
  union all
  select (
    select narrative_state.key
    from narrative_state
    -- '/' follows '.', so every key from 'discord/' on comes after all keys that begin with 'discord.'
    where narrative_state.key
      ~>~ case when strpos(walk.key, '.') > 0 then split_part(walk.key, '.', 1) || '/' else walk.key end
    order by narrative_state.key using ~<~
    limit 1
  )
  from walk
  where walk.key is not null
)
select split_part(key, '.', 1)
from walk
where strpos(key, '.') > 0
