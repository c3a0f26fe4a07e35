-- Takes a target for one thread of deliveries, or renews what that thread holds.
-- in: name, holder, seconds
-- returns: name; no row when the target is off, has to be waited for, or is held by another thread
update notice_targets
set holder = :holder, held_until = now() + make_interval(secs => :seconds)
where name = :name and off_at is null and (not_before is null or not_before <= now())
    and (held_until is null or held_until <= now() or holder = :holder)
returning name
