"""One process and its edges: what it is put together from, its settings, its log, its clock."""
