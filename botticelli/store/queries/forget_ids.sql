-- Deletes state entries of platform objects that no longer exist, and of messages in channels that no longer exist.
-- in: prefix (of the platform, with its dot), narrative (prefix of narratives), ids (array of text)
-- returns: key, a row for each deleted entry
delete from narrative_state
where (starts_with(key, :prefix) or starts_with(key, :narrative))
    and (value ->> 'id' = any(:ids) or value -> 'metadata' ->> 'channel_id' = any(:ids))
returning key
