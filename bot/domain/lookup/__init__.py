"""Which customer somebody means, and what became of the messages to them."""
