-- Drops what metric_triggers.sql creates.
drop trigger waits_of_run on runs;
drop function botticelli_on_wait()
