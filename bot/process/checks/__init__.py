"""What `check` finds: its lines, Telegram, templates."""
