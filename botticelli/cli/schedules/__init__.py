"""`botticelli schedules`: one file for each kind of command, and their texts."""
