"""Who did something."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Who:
    """A person on Telegram."""

    id: int
    name: str


BOT = Who(0, "bot")
"""The program itself, where a setting lets it act without a person."""
