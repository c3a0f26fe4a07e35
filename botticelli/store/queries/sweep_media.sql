-- Remove media that no run needs any more. What was stored or touched within the hour stays: its run may be about to be
-- committed. A row that is being touched right now is locked, and is looked at again when it is free.
delete from media
where created_at < now() - interval '1 hour'
  and not exists (select from run_media where run_media.sha256 = media.sha256)
