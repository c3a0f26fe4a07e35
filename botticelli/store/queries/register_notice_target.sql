-- Makes a target known; notices from now on are told to it. With another fingerprint (its address or recipients were
-- changed) it is on again, and what waits for it is due.
-- in: name, fingerprint
with registered as (
    insert into notice_targets as target (name, fingerprint) values (:name, :fingerprint)
    on conflict (name) do update
    set fingerprint = excluded.fingerprint, off_at = null, off_reason = null, not_before = null
    where target.fingerprint <> excluded.fingerprint
    returning name
)
update notice_deliveries set due_at = now()
from registered
where notice_deliveries.target = registered.name and notice_deliveries.status = 'pending'
