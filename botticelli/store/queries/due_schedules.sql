-- Finds schedules that have something to do: a time that is due, or a buffered time that no unfinished run holds up.
-- A paused schedule starts only those buffered times that a person asked for.
-- in: limit
-- returns: id, version, is_timed (whether a time is due), those that have been due for longest first
select id, version, bool_or(is_timed) as is_timed
from (
    select id, version, next_at as since, true as is_timed
    from schedules
    where next_at <= now()
    union all
    select schedules.id, schedules.version, firings.nominal_at, false
    from firings
    join schedules on schedules.id = firings.schedule_id
    where firings.action = 'buffered'
      and (schedules.paused_at is null or firings.origin <> 'schedule')
      and not exists (
          select from runs where runs.schedule_id = firings.schedule_id and runs.finished_at is null
      )
) due
group by id, version
order by min(since), id
limit :limit
