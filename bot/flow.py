"""The story of a case (being written)."""
