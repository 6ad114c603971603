"""The NOC's group on Telegram: what it reads, what it may tap, and what its taps start."""
