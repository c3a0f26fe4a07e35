-- Announces an effect before it is tried, or returns the existing row of the same key.
-- A failed effect is announced again, unless a person abandoned it; one that a person resolved as retry is tried again
-- once. An approved effect begins now, for the first time.
-- in: key, run_id, number, act, platform, command, args (json), capture (json), fencing_token
-- returns: status, output, error, tries (0: this is the first try), intended_at, age_seconds, resolution (before),
-- earlier (status before)
with earlier as (
    select key, status, resolution from effects where key = :key
), announced as (
    insert into effects (key, run_id, number, act, platform, command, args, capture, status, fencing_token)
    values (
        :key, :run_id, :number, :act, :platform, :command, cast(:args as jsonb), cast(:capture as jsonb), 'intended', :fencing_token
    )
    on conflict (key) do update
    set tries = case when effects.status = 'approved' then effects.tries else effects.tries + 1 end,
        fencing_token = excluded.fencing_token,
        status = case
            when effects.status = 'approved' then 'intended'
            when effects.status = 'failed' and effects.resolution is distinct from 'abandon' then 'intended'
            else effects.status
        end,
        resolution = case when effects.resolution = 'retry' then 'retried' else effects.resolution end,
        intended_at = case when effects.resolution = 'retry' or effects.status = 'approved' then now() else effects.intended_at end
    returning key, status, output, error, tries, intended_at
)
select announced.status, announced.output, announced.error, announced.tries, announced.intended_at,
    extract(epoch from clock_timestamp() - announced.intended_at)::float as age_seconds,
    earlier.resolution, earlier.status as earlier
from announced left join earlier using (key)
