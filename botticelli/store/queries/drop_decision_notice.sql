-- Drops what decision_notice.sql creates.
drop trigger notices_of_decided_effect on effects;
drop function botticelli_on_decision()
