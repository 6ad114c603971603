"""Who was without service, from when to when, and what of it counts: for the month's report."""
