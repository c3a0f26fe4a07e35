-- Writes the rows of `given`, which the statement around this one defines: one row of `acts` for each attempt. An act that is
-- recorded as done, skipped or rejected is never replaced; one that failed or awaits its repair is, and its usage adds up.
-- returns: run_id, number, position, turn of those that are new; no row where the act was recorded already
insert into acts (run_id, number, position, turn, attempt, verdict, name, status, prompt, history_text, output, error, model, finish_reason,
                  input_tokens, cached_tokens, output_tokens, cost_usd, tries, fencing_token, started_at, drawn_at, settled_at,
                  reasoning_tokens, cache_write_tokens, cache_write_long_tokens, raw_output, reasoning, usage_doubtful, warning, repairs)
select run_id, number, position, turn, attempt, verdict, name, status, prompt, history_text, output, error, model, finish_reason,
       input_tokens, cached_tokens, output_tokens, cost_usd, tries, fencing_token, started_at, drawn_at, settled_at,
       reasoning_tokens, cache_write_tokens, cache_write_long_tokens, raw_output, reasoning, usage_doubtful, warning, repairs
from given
on conflict (run_id, number, position, turn, attempt) do update
set status = excluded.status,
    verdict = excluded.verdict,
    prompt = excluded.prompt,
    history_text = excluded.history_text,
    output = excluded.output,
    error = excluded.error,
    model = excluded.model,
    finish_reason = excluded.finish_reason,
    input_tokens = acts.input_tokens + excluded.input_tokens,
    cached_tokens = acts.cached_tokens + excluded.cached_tokens,
    output_tokens = acts.output_tokens + excluded.output_tokens,
    reasoning_tokens = acts.reasoning_tokens + excluded.reasoning_tokens,
    cache_write_tokens = acts.cache_write_tokens + excluded.cache_write_tokens,
    cache_write_long_tokens = acts.cache_write_long_tokens + excluded.cache_write_long_tokens,
    raw_output = excluded.raw_output,
    reasoning = excluded.reasoning,
    usage_doubtful = acts.usage_doubtful or excluded.usage_doubtful,
    warning = excluded.warning,
    cost_usd = acts.cost_usd + excluded.cost_usd,
    tries = acts.tries + excluded.tries,
    repairs = acts.repairs + excluded.repairs,
    fencing_token = excluded.fencing_token,
    drawn_at = excluded.drawn_at,
    settled_at = excluded.settled_at,
    finished_at = now()
where acts.status in ('failed', 'repairing')
returning run_id, number, position, turn
