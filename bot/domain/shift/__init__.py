"""What one shift tells the next, and when it is told by itself."""
