"""`python -m bot ledger`: what each of its commands does. Nothing else needs them."""
