-- Lists the targets to which something can be delivered now, by anybody.
-- in: names
-- returns: name
select target.name from notice_targets as target
where target.name = any(:names) and target.off_at is null
    and (target.not_before is null or target.not_before <= now())
    and (target.held_until is null or target.held_until <= now())
    and exists (
        select from notice_deliveries as delivery
        where delivery.target = target.name and delivery.status = 'pending' and delivery.due_at <= now()
    )
