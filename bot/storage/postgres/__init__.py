"""The ledger in PostgreSQL: the same lines, for who runs the bot on more than one machine."""
