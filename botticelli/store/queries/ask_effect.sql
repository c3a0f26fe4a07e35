-- Ask whether an effect may be performed, unless it was asked before. A question or an answer that has run out is asked anew.
-- What has begun already is not asked again, but for a failure whose answer has run out.
-- in: key, run_id, number, act, platform, command, args (json), capture (json), fence, seconds
-- returns: status, decided_by, decision_reason, expires_at
insert into effects (key, run_id, number, act, platform, command, args, capture, status, fence, expires_at)
values (
    :key, :run_id, :number, :act, :platform, :command, cast(:args as jsonb), cast(:capture as jsonb), 'waiting', :fence,
    now() + make_interval(secs => :seconds)
)
on conflict (key) do update
set (status, intended_at, expires_at, decided_by, decided_at, decision_reason) = (
    select case when ran_out then 'waiting' else effects.status end,
        case when ran_out then now() else effects.intended_at end,
        case when ran_out then excluded.expires_at else effects.expires_at end,
        case when not ran_out then effects.decided_by end,
        case when not ran_out then effects.decided_at end,
        case when not ran_out then effects.decision_reason end
    from (
        select effects.status in ('waiting', 'approved', 'failed') and effects.expires_at <= now()
            and effects.resolution is distinct from 'abandon' as ran_out
    ) as question
)
returning status, decided_by, decision_reason, expires_at
