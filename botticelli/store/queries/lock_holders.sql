-- Lists sessions whose transaction has held locks on tables of this database for a while, the longest first.
-- in: seconds (younger transactions are left out)
-- returns: pid, application_name, client (address, or empty), state, seconds (of the transaction), silent_seconds, held
select
    activity.pid,
    activity.application_name,
    coalesce(host(activity.client_addr), '') as client,
    activity.state,
    extract(epoch from clock_timestamp() - activity.xact_start)::float as seconds,
    extract(epoch from clock_timestamp() - activity.state_change)::float as silent_seconds,
    string_agg(distinct pg_class.relname, ', ' order by pg_class.relname) as held
from pg_stat_activity as activity
join pg_locks on pg_locks.pid = activity.pid and pg_locks.granted and pg_locks.mode like 'Row%Lock'
join pg_class on pg_class.oid = pg_locks.relation and pg_class.relkind = 'r'
where activity.datname = current_database()
  and activity.pid <> pg_backend_pid()
  and activity.xact_start < clock_timestamp() - make_interval(secs => :seconds)
group by activity.pid, activity.application_name, activity.client_addr, activity.state, activity.xact_start,
    activity.state_change
order by activity.xact_start
limit 10
