"""Takes webhooks in: verifies the signature of the raw bytes, then starts one run for each delivery.

    raw bytes, headers --> signatures --> body --> facts --> when, variables --> run, and its row in webhook_deliveries
                              |            |         |                |
                             401          400   handshakes,       ignored (200), refused (422)
                                                Discord's buttons

The id of the run is derived from the webhook and what identifies the delivery, so that a delivery that comes again,
here or at another replica, or after a failure half-way, is the same run. What arrives is data: it fills variables, and
is never a template.
`botticelli.http` calls `receive`; the settings are `[webhooks.NAME]`.
"""
