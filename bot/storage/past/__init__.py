"""What the ledger says of what the book does not hold any more, found through an index of its segments."""
