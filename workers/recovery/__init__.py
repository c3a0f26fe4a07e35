"""Makes good what workers, queues and servers lost; one elected worker sweeps for the whole fleet.

sweep_thread --each second--> sweep:  lease expired     -> queued again
                                      never claimed     -> published again (queued_tasks says what is lost)
                                      run due           -> admitted
             --now and then-> unacked_requests, canary
leases: renews this process's leases;  hand_back: gives them up early when the process ends
"""
