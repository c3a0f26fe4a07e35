"""Recovers what lost workers, queues and servers left behind. Each iteration is held by a lease; each worker sweeps.

    worker A   claims an iteration: status running, lease_until = now + lease_seconds
       |       one thread renews all claims of the process (context/claims), three times in a lease
       |
       +-- ends, or loses a server --> hand_back: queued again at once, finished acts are kept
       |
       +-- dies, or freezes        --> the lease runs out; duty expired_leases: queued again, with a new fencing token,
                                       or failed after max_attempts; worker A can write nothing any more

    sweep_thread, in every worker, each second or when a parked run is due; one pass:

       heartbeat --> election -----> duties of each worker --> duties of the fleet --> consumer check
       (Redis)       (Postgres)      interrupted_claims        (only if elected)       (queue_probe)
                                     due_runs                  expired_leases
                                                               unclaimed_tasks
                                                               expired_data
                                                               unacked_requests
                                                               probe_publication

    the probe is a heartbeat task through the queue:

       probe_publication --> queue --+--> any worker answers: its consumer works
                                     +--> nobody does, and a worker with free threads received nothing: its consumer
                                          has stalled, so it ends, and its supervisor starts it again

A failing duty is logged and stops no other. `duties/` says how to add one. queued_tasks finds which tasks the queue has
lost; rejections records requests that can't be performed as failed runs.
"""
