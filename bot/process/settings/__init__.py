"""The settings: what each may be, all of them together, how they are read, and how they are told."""
