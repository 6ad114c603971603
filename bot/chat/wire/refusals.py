"""What Telegram's refusals come to: what the caller does next (README.md)."""

from collections.abc import Mapping
from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot.chat.screens.posting import Why
from bot.errors import BotError

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Away(BotError):
    """Nothing arrived: try again later."""


class Unsure(BotError):
    """It may have arrived: a post is not blindly repeated, an edit may be."""


class Paced(BotError):
    """Telegram wants a pause of `seconds`; nothing arrived."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds:.0f} s")
        self.seconds = seconds


class Moved(BotError):
    """The group has the id `new` now; nothing arrived."""

    def __init__(self, new: int) -> None:
        super().__init__("the group became a supergroup")
        self.new = new


class Gone(BotError):
    """The message to edit is not there any more."""


class Barred(BotError):
    """Telegram refuses the bot here (removed, blocked, no right, bad token): a person has to act."""

    def __init__(self, text: str, why: Why = "removed") -> None:
        super().__init__(text)
        self.why = why


class NoTopic(Barred):
    """The forum topic is closed or deleted."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "topic")


class Rejected(BotError):
    """Telegram does not take this request; repeating it changes nothing."""


def typed(error: TelegramError) -> BotError:
    """What to do about it. The order matters: BadRequest and TimedOut are NetworkErrors."""
    found: BotError = Rejected(type(error).__name__)
    match error:
        case RetryAfter():
            after = error.retry_after
            found = Paced(after.total_seconds() if isinstance(after, timedelta) else after)
        case ChatMigrated():
            found = Moved(error.new_chat_id)
        case InvalidToken():
            found = Barred(type(error).__name__, "token")
        case Forbidden():
            found = _barred(str(error)) or Barred(type(error).__name__)
        case BadRequest():
            found = _bad_request(str(error))
        case NetworkError() if isinstance(error.__cause__, _NEVER_SENT):
            found = Away(type(error.__cause__).__name__)
        case NetworkError():
            found = Unsure(type(error.__cause__ or error).__name__)
        case TelegramError(message="Invalid server response"):  # a 200 that is not JSON
            found = Unsure("unreadable answer")
    return found


def _bad_request(text: str) -> BotError:
    lowered = text.lower()
    if any(sign in lowered for sign in _GONE):
        return Gone("the message is gone")
    if any(sign in lowered for sign in _NO_TOPIC):
        return NoTopic("the topic takes no posts")
    return _barred(text) or Rejected(text)


_GONE = ("message to edit not found", "can't be edited", "message_id_invalid")
_NO_TOPIC = ("topic_closed", "topic_deleted", "thread not found", "topic_id_invalid")
_BARRED: Mapping[Why, tuple[str, ...]] = {
    "restricted": ("chat_restricted", "user_restricted", "user_banned_in_channel"),
    "rights": ("enough rights", "no rights", "forbidden to", "_forbidden", "write access", "admin_required"),
    "removed": ("chat not found", "kicked", "not a member", "deactivated", "peer_id_invalid"),
}


def _barred(text: str) -> Barred | None:
    """What it says of the bot in this chat (Telegram has no list of these), None where nothing."""
    lowered = text.lower()
    for why, signs in _BARRED.items():
        if any(sign in lowered for sign in signs):
            return Barred(f"the chat is not open to the bot: {why}", why)
    return None
