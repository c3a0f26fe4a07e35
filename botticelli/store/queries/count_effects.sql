-- Counts the other effects that have begun: those of a run, and those of all runs in the last hour except rehearsals.
-- in: run_id, key (of the effect that is about to begin)
-- returns: of_run, of_hour, free_seconds (until the oldest of the hour is an hour old; null when there is none)
select
    (
        select count(*) from effects
        where run_id = :run_id and key <> :key and status not in ('waiting', 'approved', 'rejected')
    ) as of_run,
    count(recent.key) as of_hour,
    3600 - extract(epoch from now() - min(recent.intended_at)) as free_seconds
from (
    select effects.key, effects.intended_at
    from effects join runs on runs.id = effects.run_id
    where effects.intended_at > now() - interval '1 hour' and effects.key <> :key and not runs.rehearse
        and effects.status not in ('waiting', 'approved', 'rejected')
) as recent
