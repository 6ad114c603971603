"""The page for the room: what is going on, read-only, for approvers alone."""
