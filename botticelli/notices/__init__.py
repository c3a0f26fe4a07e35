"""Tells people and programs what happens: a run that ends or pauses, an effect that waits, a budget that runs out.

    trigger, tx.notices.emit --> notices (outbox, in the transaction of the event)
                                    |
    fan_out: each notice once, by the targets of [[notify]] in the settings of the worker that does it
                                    v
                            notice_deliveries (notice, target)
                                    |
    deliverer: one thread for each target in the whole fleet, which holds the target's row
                                    v
    send_web, send_mail --> delivered | tried again (retry_schedule) | the target is switched off

A delivery has the id of its notice in each attempt: a receiver sees an event at least once, always under one id.
`botticelli.notices` decides and sends; the duty of the workers that calls it is in `workers/recovery/duties/notices.py`.
"""
