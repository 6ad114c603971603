"""What is told to who watches the process from outside: whether it is well, and its numbers."""
