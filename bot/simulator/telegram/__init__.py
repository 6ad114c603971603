"""The Bot API, and the phones of the people in the group."""
