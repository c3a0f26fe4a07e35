-- Lists unfinished effects that create the same name in the same place as another one.
-- in: platform, command, place (id of the guild or the channel), name, key (of that other one, which is left out)
-- returns: key, run_id, act, args, intended_at, age_seconds, is_held (its worker may still perform it)
select effects.key, effects.run_id, effects.act, effects.args, effects.intended_at,
    extract(epoch from clock_timestamp() - effects.intended_at)::float as age_seconds,
    coalesce(iterations.status = 'running' and iterations.fencing_token = effects.fencing_token, false) as is_held
from effects
left join iterations on iterations.run_id = effects.run_id and iterations.number = effects.number
where effects.platform = :platform
  and effects.command = :command
  and effects.status = 'intended'
  and effects.key <> :key
  and coalesce(effects.args ->> 'guild_id', effects.args ->> 'channel_id', '') = :place
  and effects.args ->> 'name' = :name
order by effects.intended_at, effects.key
