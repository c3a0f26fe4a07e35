"""Controls existing runs and budgets: pauses, resumes, cancels, retries, prunes; approves effects."""
