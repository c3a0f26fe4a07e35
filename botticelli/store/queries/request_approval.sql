-- Requests the approval of an effect, unless it was requested before. An expired request or approval is requested anew.
-- One that is requested anew has its prepared arguments again.
-- An effect that has begun needs no new approval, unless it failed and its approval has expired.
-- in: key, run_id, number, act, platform, command, args (json), capture (json), fencing_token, seconds
-- returns: status, decided_by, decision_reason, expires_at, edited_args (null when nobody edited them)
insert into effects (key, run_id, number, act, platform, command, args, capture, status, fencing_token, expires_at)
values (
    :key, :run_id, :number, :act, :platform, :command, cast(:args as jsonb), cast(:capture as jsonb), 'waiting', :fencing_token,
    now() + make_interval(secs => :seconds)
)
on conflict (key) do update
set (status, intended_at, expires_at, decided_by, decided_at, decision_reason, args, prepared_args) = (
    select case when expired then 'waiting' else effects.status end,
        case when expired then now() else effects.intended_at end,
        case when expired then excluded.expires_at else effects.expires_at end,
        case when not expired then effects.decided_by end,
        case when not expired then effects.decided_at end,
        case when not expired then effects.decision_reason end,
        case when expired then coalesce(effects.prepared_args, effects.args) else effects.args end,
        case when not expired then effects.prepared_args end
    from (
        select effects.status in ('waiting', 'approved', 'failed') and effects.expires_at <= now()
            and effects.resolution is distinct from 'abandon' as expired
    ) as approval
)
returning status, decided_by, decision_reason, expires_at, case when prepared_args is not null then args end as edited_args
