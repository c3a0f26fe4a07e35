-- Rejects the answers of acts that are performed again, because a gate behind them did not accept the result.
-- in: run_id, number, first, last (positions), redo, redone (verdicts: on the first act, on the others), reason
update acts
set status = 'rejected',
    verdict = case when position = :first then :redo else :redone end,
    error = :reason
where run_id = :run_id and number = :number and position between :first and :last and status in ('done', 'skipped')
