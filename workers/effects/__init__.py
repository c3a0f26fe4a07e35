"""Performs bot commands so that no effect happens twice.

authorization --> intent recorded --> command performed --> output and captured state recorded
(policy, caps,    (committed)         (on the platform)     (one transaction)
 approval)

a repeated command finds its record:
    done     --> replay the recorded output
    intended --> look on the platform: done --> record it, not done --> perform it
    unknown  --> pause the run, until somebody resolves the effect
"""
