-- Remove what state holds of things that exist no longer, and of messages in channels that exist no longer.
-- in: prefix (of the platform, with its dot), narrative (that of narratives), ids (array of text)
-- returns: key, one row for each
delete from narrative_state
where (starts_with(key, :prefix) or starts_with(key, :narrative))
    and (value ->> 'id' = any(:ids) or value -> 'metadata' ->> 'channel_id' = any(:ids))
returning key
