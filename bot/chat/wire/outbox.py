"""Screens out to Telegram, and its refusals back as what the caller does next (README.md)."""

import contextlib
import html
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    TelegramError,
)

from bot.chat.screens.screen import Button, Photo, Screen, Sheet
from bot.chat.wire.budget import InAll
from bot.chat.wire.refusals import Barred, Gone, NoTopic, Rejected, typed

log = logging.getLogger(__name__)

MAX_TEXT = 4096  # UTF-16 units
GENERAL_TOPIC = 1  # sent without an id; 1 is refused
TOPIC_AGAIN = 900.0  # seconds after which a topic that was refused is tried once more
_CUT = "\n…"
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)  # a link to the panel is nobody's to look at
NBSP = "\N{NO-BREAK SPACE}"
_PAIR = re.compile(
    r"(<code>.*?</code>|<[^>]*>)"
    r"|(?<=\d)(?<![:/]\d)(?<![:/]\d\d) (?=[^\W\d_]|%)|(?<=\(\d\d\)) (?=\d)|(?<=\d\d/\d\d) (?=\d\d:)"
    r"|(?<=\d não) |(?<=\d not) |(?<=\d in) "
    r"|(?<=\bcerca) (?=de )|(?<=\bcerca de) |(?<=\babout) (?=(?:<b>)?\d)",
    re.DOTALL,
)
"""A tag, code, or the spaces in `4 não enviadas` (where the number is no hour, day or port), `cerca de 4`,
`(61) 9` or `29/11 14:50`."""


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

    def __init__(
        self,
        bot: Bot,
        in_all: InAll,
        topic: int | None = None,
        *,
        seconds: Callable[[], float] = time.monotonic,
        topic_lost: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`in_all` is one for all that leaves with this token, `topic` the forum topic that posts to a group
        go to, `seconds` a clock.

        Where it takes none, they go to the group itself; `topic_lost` hears when that begins and ends.
        """
        self._bot = bot
        self._in_all = in_all
        self._topic = None if topic == GENERAL_TOPIC else topic
        self._seconds = seconds
        self._lost_at: float | None = None
        self._topic_lost = topic_lost

    @property
    def username(self) -> str:
        """The bot's user name; empty before Telegram told it."""
        try:
            return self._bot.username
        except RuntimeError:  # not connected yet
            return ""

    @property
    def topic_is_lost(self) -> bool:
        """Whether posts go to the group itself, as the topic takes none."""
        return self._lost_at is not None

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
        extra = {"ephemeral_message_parameters": dict(only)} if only else None

        await self._in_all.turn()

        async def send_to(thread: int | None, replied: int | None) -> Message:
            async def send(text: str, mode: str | None) -> Message:
                return await self._bot.send_message(
                    chat,
                    text,
                    parse_mode=mode,
                    reply_markup=keyboard(screen),
                    reply_parameters=_reply(replied),
                    message_thread_id=thread,
                    disable_notification=silent,
                    link_preview_options=NO_PREVIEW,
                    api_kwargs=extra,
                )

            message: Message = await _attempt(screen, send)
            return message

        return await self._placed(self._topic if in_topic and chat < 0 else None, reply_to, send_to)

    async def send_photo(self, chat: int, photo: Photo, *, reply_to: int | None = None) -> Message:
        """The new message with a picture, in the topic; it rings nobody.

        Rejected also where the bot may write there and send no pictures: that says nothing of its texts.
        """
        await self._in_all.turn()

        async def send_to(thread: int | None, replied: int | None) -> Message:
            try:
                return await self._bot.send_photo(
                    chat,
                    photo.content,
                    caption=unbroken(photo.caption),
                    parse_mode="HTML",
                    filename=photo.filename,
                    reply_parameters=_reply(replied),
                    message_thread_id=thread,
                    disable_notification=True,
                )
            except TelegramError as error:
                refused = typed(error)
                if isinstance(refused, Barred) and refused.why == "rights":
                    raise Rejected("no pictures here") from error
                raise refused from error

        return await self._placed(self._topic if chat < 0 else None, reply_to, send_to)

    async def _placed(
        self,
        topic: int | None,
        reply_to: int | None,
        send_to: Callable[[int | None, int | None], Awaitable[Message]],
    ) -> Message:
        """Sent to the topic, where it takes posts, or else to the chat itself."""
        if topic is not None and self._topic_may_be_open():
            with contextlib.suppress(NoTopic):
                message = await send_to(topic, reply_to)
                self._found_topic(lost=False)
                return message
            self._found_topic(lost=True)
        try:
            return await send_to(None, reply_to)
        except NoTopic:  # a reply goes where the message is that it replies to
            if reply_to is None:
                raise
        return await send_to(None, None)

    def _topic_may_be_open(self) -> bool:
        return self._lost_at is None or self._seconds() - self._lost_at >= TOPIC_AGAIN

    def _found_topic(self, *, lost: bool) -> None:
        was_lost, self._lost_at = self._lost_at is not None, self._seconds() if lost else None
        if was_lost == lost:
            return
        if lost:
            log.error("topic %s is closed or gone: posting to the group itself", self._topic)
        else:
            log.warning("topic %s takes posts again", self._topic)
        self._topic_lost(lost)

    async def edit(self, chat: int, message: int, screen: Screen) -> None:
        """The message shows `screen`; one that shows it already is fine."""
        await self._in_all.turn()

        async def send(text: str, mode: str | None) -> object:
            return await self._bot.edit_message_text(
                text, chat_id=chat, message_id=message, parse_mode=mode, reply_markup=keyboard(screen)
            )

        try:
            await _attempt(screen, send)
        except NoTopic:
            raise Gone("its topic is closed") from None

    async def edit_ephemeral(self, where: Ephemeral, screen: Screen) -> None:
        """The message that one person sees shows `screen`."""
        await self._in_all.turn()
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
        await self._in_all.turn()
        try:
            await self._bot.edit_message_reply_markup(chat_id=chat, message_id=message)
        except TelegramError as error:
            if "not modified" not in str(error):
                raise typed(error) from error

    async def react(self, chat: int, message: int, emoji: str) -> None:
        """A person's message has this reaction; it rings nobody and is no message."""
        try:
            await self._bot.set_message_reaction(chat, message, emoji)
        except TelegramError as error:
            raise typed(error) from error

    async def knock(self, chat: int) -> None:
        """Nothing visible but "sending a file"; Barred where the person never opened the bot."""
        try:
            await self._bot.send_chat_action(chat, ChatAction.UPLOAD_DOCUMENT)
        except TelegramError as error:
            raise typed(error) from error

    async def send_sheet(self, chat: int, sheet: Sheet) -> None:
        """The document is in the chat."""
        await self._in_all.turn()
        try:
            await self._bot.send_document(chat, sheet.content, filename=sheet.filename)
        except TelegramError as error:
            raise typed(error) from error


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


def unbroken(text: str) -> str:
    """The HTML with each number on the line of its word, on the narrowest phone; what is copied stays."""
    return _PAIR.sub(lambda found: found[1] or NBSP, text)


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
            return await send(unbroken(screen.html), "HTML")
        except BadRequest as error:
            if not _unreadable(str(error)):
                raise
        return await send(plain(screen.html), None)
    except TelegramError as error:
        if "not modified" in str(error):
            return None
        raise typed(error) from error


def _unreadable(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in ("can't parse", "too long", "too_long"))
