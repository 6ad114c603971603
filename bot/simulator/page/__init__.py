"""The web page of the demo: its server, its events, what its buttons do."""
