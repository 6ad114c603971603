"""The Bot API: what goes out, how much of it, what its answers mean, and who its people are."""
