"""What a notice comes to when its turn comes: a message, and which notices it tells."""

from dataclasses import dataclass

from bot.chat.screens.screen import Screen
from bot.ports import Notice


@dataclass(frozen=True, slots=True)
class Saying:
    """One message for all of `notices`; `elsewhere`: in the escalation chat instead of the group."""

    notices: tuple[Notice, ...]
    screen: Screen
    reply_to: int | None = None
    silent: bool = False
    elsewhere: bool = False
