"""Which outages are one cause, and why."""
