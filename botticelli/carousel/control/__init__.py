"""Controls what exists: pauses, resumes, cancels and retries runs, approves effects, pauses budgets, prunes old runs."""
