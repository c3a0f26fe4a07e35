-- Reads the last output of a run: of the last act with one, in its last iteration that succeeded.
-- in: run_id
-- returns: output
select acts.output
from acts join iterations on iterations.run_id = acts.run_id and iterations.number = acts.number
where acts.run_id = :run_id and acts.status = 'done' and acts.output is not null and iterations.status = 'succeeded'
order by acts.number desc, acts.position desc, acts.turn desc
limit 1
