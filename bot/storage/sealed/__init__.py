"""Months that are over, packed to a quarter of their size and read all the same, from any place on."""
