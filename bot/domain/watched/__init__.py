"""How others are doing, and what this process counted: the book knows nothing of it."""
