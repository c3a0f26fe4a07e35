-- Takes the lock of a name until the end of the transaction, if it is free.
-- in: name
-- returns: whether it was taken
select pg_try_advisory_xact_lock(hashtextextended(:name, 0))
