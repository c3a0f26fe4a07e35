-- Deletes media that no run and no schedule uses any more. Rows that were stored or touched in the last hour stay, since
-- their run may not be committed yet. A row that is being touched is locked, and is judged again when it is free.
delete from media
where created_at < now() - interval '1 hour'
  and not exists (select from run_media where run_media.sha256 = media.sha256)
  and not exists (select from schedules where jsonb_exists(schedules.media, media.sha256))
