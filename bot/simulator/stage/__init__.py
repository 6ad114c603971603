"""The pretend ISP with the real bot beside it."""
