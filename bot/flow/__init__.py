"""The story of a case: what calls the steps, and when."""
