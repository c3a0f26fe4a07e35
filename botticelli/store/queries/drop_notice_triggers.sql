-- Drops what notice_triggers.sql creates.
drop trigger notices_of_effect on effects;
drop trigger notices_of_new_effect on effects;
drop trigger notices_of_run on runs;
drop function botticelli_on_effect();
drop function botticelli_on_run();
drop function botticelli_notice_of_effect(effects, runs);
drop function botticelli_run_facts(runs)
