"""The group's own messages, kept true: cards, the digest, notices and reminders."""
