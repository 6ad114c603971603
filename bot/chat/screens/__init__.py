"""What is shown, as pure functions of the state: no Telegram, no waiting, no side effect."""
