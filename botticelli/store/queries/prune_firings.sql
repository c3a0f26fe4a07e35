-- Deletes firings of nominal times that are long past. Their schedules have gone on, so none of these times fires again.
-- Buffered times, and firings whose run still exists, stay.
-- in: before (time)
delete from firings
using schedules
where schedules.id = firings.schedule_id
  and firings.nominal_at < :before
  and firings.nominal_at <= schedules.last_nominal
  and firings.action <> 'buffered'
  and not exists (select from runs where runs.id = firings.run_id)
