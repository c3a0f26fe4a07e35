"""What was spent: the ledger, what it tells of the past, and the limits that people or providers lowered."""
