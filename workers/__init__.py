"""The stage: what happens inside a worker. Performing an iteration act by act, leases, the sweep, the process's life."""
