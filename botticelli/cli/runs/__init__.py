"""`botticelli run`, `runs` and `plan`: from a narrative to its result, and the control over runs."""
