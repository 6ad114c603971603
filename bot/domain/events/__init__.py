"""The ledger's lines, a file a topic: what each says, and what it changes."""
