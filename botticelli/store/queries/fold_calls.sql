-- Adds the calls that were recorded in an interval to the totals of metrics: how they ended, tokens, cost, durations, and how
-- much of its estimate each has used.
-- in: after, until (of recorded_at); duration_edges, ratio_edges: the upper bounds of the buckets, negated, ascending
with ended as materialized (
    select
        split_part(model, '/', 1) as provider, substr(model, strpos(model, '/') + 1) as model, outcome, failure,
        input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_usd,
        outcome = 'settled' or failure is not null as is_answered,
        greatest(0, extract(epoch from settled_at - drawn_at))::float as seconds,
        case when outcome = 'settled' and failure is null and estimated_tokens > 0
            then (input_tokens + output_tokens)::float / estimated_tokens end as ratio
    from ledger
    where recorded_at > :after and recorded_at <= :until and outcome <> 'drawn'
), points (metric, labels, bucket, value) as (
    select 'botticelli_model_calls', array[provider, model, case
            when failure is not null then failure
            when outcome = 'settled' then 'ok'
            when outcome = 'unknown' then 'unknown'
            else 'not_sent' end], -1, 1
    from ended
    union all
    select 'botticelli_tokens', array[provider, model, kind], -1, tokens
    from ended
    cross join lateral (
        values ('input', input_tokens), ('cache_read', cached_tokens), ('cache_write', cache_write_tokens),
               ('output', output_tokens), ('reasoning', reasoning_tokens)
    ) as used (kind, tokens)
    where tokens is not null
    union all
    select 'botticelli_cost_usd', array[provider, model], -1, cost_usd from ended where cost_usd is not null
    union all
    select 'botticelli_cost_unknown_calls', array[]::text[], -1, 1
    from ended where outcome = 'settled' and cost_usd is null
    union all
    select 'botticelli_model_call_duration_seconds', array[provider, model],
           cardinality(cast(:duration_edges as float[])) - width_bucket(-seconds, cast(:duration_edges as float[])), 1
    from ended where is_answered
    union all
    select 'botticelli_model_call_duration_seconds', array[provider, model], -1, seconds from ended where is_answered
    union all
    select 'botticelli_estimate_ratio', array[provider, model],
           cardinality(cast(:ratio_edges as float[])) - width_bucket(-ratio, cast(:ratio_edges as float[])), 1
    from ended where ratio is not null
    union all
    select 'botticelli_estimate_ratio', array[provider, model], -1, ratio from ended where ratio is not null
)
insert into metric_totals (metric, labels, bucket, value)
select metric, labels, bucket, sum(value) from points group by metric, labels, bucket order by metric, labels, bucket
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
