-- Lists the ids of objects that done effects of a command have created, from ten minutes before a time on.
-- in: platform, command, since
-- returns: id, a row for each
select jsonb_array_elements_text(
    coalesce(output -> 'ids', jsonb_build_array(coalesce(output ->> 'id', output ->> 'thread_id', output ->> 'event_id', '')))
) as id
from effects
where platform = :platform and command = :command and status = 'done'
    and finished_at >= cast(:since as timestamptz) - interval '10 minutes'
