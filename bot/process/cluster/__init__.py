"""Of several machines that share a ledger one leads, and the others stand by."""
