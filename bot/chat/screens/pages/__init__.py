"""What somebody asked for: each page is sent, and turned by who asked."""
