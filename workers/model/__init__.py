"""Performs one model call with its retries: draws from the budget, sends, settles, and keeps the ledger."""
