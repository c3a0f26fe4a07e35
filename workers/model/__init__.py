"""One model call with its retries: drawn from the budget, sent, settled, and in the ledger."""
