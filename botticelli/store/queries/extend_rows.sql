-- Records how far the rows of a run are copied, and renews the lease of the process that copies them. The last batch ends
-- the copying. The caller holds the lock of the run and has checked that it is the copier.
-- in: run_id, iterations_ready, lease_seconds
update runs
set iterations_ready = :iterations_ready,
    rows_copier = case when :iterations_ready < iterations then rows_copier end,
    rows_lease_until = case
        when :iterations_ready < iterations then now() + make_interval(secs => :lease_seconds)
    end
where id = :run_id
