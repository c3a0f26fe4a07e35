"""Bot commands whose effects are not done twice.

    authorization -> intent is recorded -> the command -> output and captured state are recorded
                     (committed)           (outside)      (one transaction)

A repeated command finds its record: done is replayed, an unknown outcome is looked up on the platform or pauses the run.
"""
