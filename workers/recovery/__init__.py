"""Recovers what lost workers, queues and servers left behind; one elected worker sweeps for the whole fleet.

sweep_thread, each second --> sweep:  lease expired --> queue the iteration again, or fail it after max_attempts
                                      never claimed --> publish its task again, if queued_tasks finds it lost
                                      run due       --> admit its next iterations
    from time to time     --> unacked_requests:  requests of lost workers go back into the queue
                              probe:            a heartbeat task; unanswered, it exposes a stalled consumer

leases: renews the claims of this process       hand_back: gives claims up early, at shutdown or server loss
"""
