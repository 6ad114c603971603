"""Screens out to Telegram, and its refusals back as what the caller does next (contracts/telegram.md)."""

import html
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Message, ReplyParameters
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot.chat.screen import Button, Screen, Sheet
from bot.errors import BotError

log = logging.getLogger(__name__)

MAX_TEXT = 4096  # UTF-16 units
GENERAL_TOPIC = 1  # sent without an id; 1 is refused
_CUT = "\n…"
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
    """Telegram refuses the bot here (removed, blocked, never opened, bad token): a person has to act."""


class Rejected(BotError):
    """Telegram does not take this request; repeating it changes nothing."""


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A message that only one person sees: where it is and whose it is."""

    chat: int
    message: int
    user: int


class Outbox:
    """Posts and edits screens; a screen that Telegram cannot parse goes out as plain text, cut to fit.

    Raises Away, Unsure, Paced, Moved, Gone, Barred, Rejected and nothing else.
    """

    def __init__(self, bot: Bot, topic: int | None = None) -> None:
        """`topic` is the forum topic that posts to a group go to."""
        self._bot = bot
        self._topic = None if topic == GENERAL_TOPIC else topic

    @property
    def username(self) -> str:
        """The bot's user name; empty before Telegram told it."""
        try:
            return self._bot.username
        except RuntimeError:  # not connected yet
            return ""

    async def post(
        self,
        chat: int,
        screen: Screen,
        *,
        reply_to: int | None = None,
        only: Mapping[str, object] | None = None,
        silent: bool = False,
        in_topic: bool = True,
    ) -> Message:
        """The new message, in the topic unless it goes to another group.

        `only` are the parameters that make it visible to one person; `silent`: it rings nobody.
        """
        in_topic = in_topic and chat < 0
        extra = {"ephemeral_message_parameters": dict(only)} if only else None

        async def send(text: str, mode: str | None) -> Message:
            return await self._bot.send_message(
                chat,
                text,
                parse_mode=mode,
                reply_markup=keyboard(screen),
                reply_parameters=_reply(reply_to),
                message_thread_id=self._topic if in_topic else None,
                disable_notification=silent,
                api_kwargs=extra,
            )

        try:
            message: Message = await _attempt(screen, send)
        except Rejected as error:
            if not in_topic or self._topic is None or "thread not found" not in str(error).lower():
                raise
            log.error("topic %s is gone: posting to the group itself", self._topic)  # noqa: TRY400
            self._topic = None
            message = await _attempt(screen, send)
        return message

    async def edit(self, chat: int, message: int, screen: Screen) -> None:
        """The message shows `screen`; one that shows it already is fine."""

        async def send(text: str, mode: str | None) -> object:
            return await self._bot.edit_message_text(
                text, chat_id=chat, message_id=message, parse_mode=mode, reply_markup=keyboard(screen)
            )

        await _attempt(screen, send)

    async def edit_ephemeral(self, where: Ephemeral, screen: Screen) -> None:
        """The message that one person sees shows `screen`."""
        markup = keyboard(screen)

        async def send(text: str, mode: str | None) -> object:
            fields: dict[str, Any] = {
                "chat_id": where.chat,
                "receiver_user_id": where.user,
                "ephemeral_message_id": where.message,
                "text": text,
            }
            if mode:
                fields["parse_mode"] = mode
            if markup:
                fields["reply_markup"] = markup
            return await self._bot.do_api_request("editEphemeralMessageText", api_kwargs=fields)

        await _attempt(screen, send)

    async def strip(self, chat: int, message: int) -> None:
        """The message loses its buttons."""
        try:
            await self._bot.edit_message_reply_markup(chat_id=chat, message_id=message)
        except TelegramError as error:
            if "not modified" not in str(error):
                raise _typed(error) from error

    async def knock(self, chat: int) -> None:
        """Nothing visible but "sending a file"; Barred where the person never opened the bot."""
        try:
            await self._bot.send_chat_action(chat, ChatAction.UPLOAD_DOCUMENT)
        except TelegramError as error:
            raise _typed(error) from error

    async def send_sheet(self, chat: int, sheet: Sheet) -> None:
        """The document is in the chat."""
        try:
            await self._bot.send_document(chat, sheet.content, filename=sheet.filename)
        except TelegramError as error:
            raise _typed(error) from error


def keyboard(screen: Screen) -> InlineKeyboardMarkup | None:
    """The screen's buttons as Telegram takes them, None without any."""
    if not screen.rows:
        return None
    return InlineKeyboardMarkup([[_button(button) for button in row] for row in screen.rows])


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """The HTML as a person reads it, cut to `limit` UTF-16 units."""
    text = html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", text))
    if _units(text) <= limit:
        return text
    data = text.encode("utf-16-le")[: 2 * (limit - _units(_CUT))]
    return data.decode("utf-16-le", errors="ignore") + _CUT


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _button(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(button.text, callback_data=button.data, url=button.url, style=button.style)


def _reply(message: int | None) -> ReplyParameters | None:
    return None if message is None else ReplyParameters(message, allow_sending_without_reply=True)


async def _attempt(screen: Screen, send: Any) -> Any:
    """As HTML, then as plain text where Telegram cannot parse it or finds it too long."""
    try:
        try:
            return await send(screen.html, "HTML")
        except BadRequest as error:
            if not _unreadable(str(error)):
                raise
        return await send(plain(screen.html), None)
    except TelegramError as error:
        if "not modified" in str(error):
            return None
        raise _typed(error) from error


def _unreadable(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in ("can't parse", "too long", "too_long"))


def _typed(error: TelegramError) -> BotError:
    """The order matters: BadRequest and TimedOut are NetworkErrors."""
    typed: BotError = Rejected(type(error).__name__)
    match error:
        case RetryAfter():
            after = error.retry_after
            typed = Paced(after.total_seconds() if isinstance(after, timedelta) else after)
        case ChatMigrated():
            typed = Moved(error.new_chat_id)
        case Forbidden() | InvalidToken():
            typed = Barred(type(error).__name__)
        case BadRequest():
            typed = _bad_request(str(error))
        case NetworkError() if isinstance(error.__cause__, _NEVER_SENT):
            typed = Away(type(error.__cause__).__name__)
        case NetworkError():
            typed = Unsure(type(error.__cause__ or error).__name__)
        case TelegramError(message="Invalid server response"):  # a 200 that is not JSON
            typed = Unsure("unreadable answer")
    return typed


def _bad_request(text: str) -> BotError:
    lowered = text.lower()
    if "message to edit not found" in lowered or "can't be edited" in lowered:
        return Gone("the message is gone")
    if "chat not found" in lowered or "not enough rights" in lowered or "kicked" in lowered:
        return Barred("the chat is not open to the bot")
    return Rejected(text)
