-- Announce an effect before it is tried; the earlier row of the same key, if there is one, is answered instead.
-- in: key, run_id, number, act, platform, command, args (json), fence
-- returns: status, output, error, tries (0: this is the first try)
insert into effects (key, run_id, number, act, platform, command, args, status, fence)
values (:key, :run_id, :number, :act, :platform, :command, cast(:args as jsonb), 'intended', :fence)
on conflict (key) do update
set tries = effects.tries + 1, fence = excluded.fence
returning status, output, error, tries
