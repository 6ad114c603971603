"""What the product is about, as plain data and pure rules: no I/O, no clock, no async."""
