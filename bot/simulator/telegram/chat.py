"""People, messages and buttons of the pretend Telegram, and the JSON in which the Bot API shows them."""

import time
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.telegram.html import utf16

BOT_USER = {"id": 123456, "is_bot": True, "first_name": "NOC", "username": "noc_bot"}
BOT = {
    **BOT_USER,
    "can_join_groups": True,
    "can_read_all_group_messages": False,
    "supports_inline_queries": False,
    "can_connect_to_business": False,
    "has_main_web_app": False,
}
ANONYMOUS_ADMIN = 1087968824  # Telegram's own: speaks for the group and names nobody
STYLES = {None, "danger", "success", "primary"}
MAX_BUTTONS, MAX_ROW, MAX_DATA, MAX_COPY = 100, 8, 64, 256

TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


class Refused(Exception):
    """An answer that is not ok."""

    def __init__(self, description: str, code: int = 400, **parameters: int) -> None:
        super().__init__(description)
        self.description, self.code, self.parameters = description, code, parameters


@dataclass
class User:
    """A person; ``opened_private`` once they wrote to the bot in private, ``gone`` once they left;
    ``never_in`` are groups that they were never in.
    """

    id: int
    name: str
    username: str | None = None
    admin: bool = False
    opened_private: bool = False
    gone: bool = False
    never_in: frozenset[int] = frozenset()

    def json(self) -> dict[str, Any]:
        """A Bot API User."""
        user = {"id": self.id, "is_bot": self.id == ANONYMOUS_ADMIN, "first_name": self.name}
        return {**user, "language_code": "pt-br", **({"username": self.username} if self.username else {})}


@dataclass(frozen=True)
class Button:
    """A button; exactly one of ``data``, ``url`` and ``copy`` (text to copy) is set."""

    text: str
    data: str | None = None
    style: str | None = None
    url: str | None = None
    copy: str | None = None

    def json(self) -> dict[str, Any]:
        """A Bot API InlineKeyboardButton."""
        copy = {"text": self.copy} if self.copy else None
        row = {"callback_data": self.data, "url": self.url, "style": self.style, "copy_text": copy}
        return {"text": self.text, **{key: value for key, value in row.items() if value is not None}}


@dataclass(eq=False)
class Message:
    """A message in a chat; the same object for its whole life, edits change it in place.

    Attributes:
        photo: The document is a picture that was sent as one.
        text: Plain text (of a document: its caption), after parsing; a no-break space is a space to who
            looks for words in it.
        shown: The same as it came.
        html: As it was sent.
        edits: (clock time, plain text) of each edit of the text.
        sender: Who wrote it; None: the bot.
        ephemeral_for: The only user who sees it; None: everyone.
        reactions: What the bot set on it.
        silent: Sent with ``disable_notification``: no phone makes a sound.
        preview: Telegram may fetch its first link, and show what is there.
    """

    id: int
    chat: int
    text: str = ""
    html: str = ""
    keyboard: list[list[Button]] = field(default_factory=list)
    edits: list[tuple[float, str]] = field(default_factory=list)
    reply_to: int | None = None
    document: bytes | None = None
    filename: str | None = None
    photo: bool = False
    ephemeral_for: int | None = None
    sender: User | None = None
    thread: int | None = None
    entities: list[dict[str, Any]] = field(default_factory=list)
    deleted: bool = False
    silent: bool = False
    preview: bool = True
    reactions: list[str] = field(default_factory=list)
    shown: str = ""
    date: int = field(default_factory=lambda: int(time.time()))

    @property
    def buttons(self) -> list[str]:
        """The labels, row after row."""
        return [button.text for row in self.keyboard for button in row]

    def button(self, label: str) -> Button:
        """The first button whose label holds ``label`` or whose data is ``label``.

        Raises:
            LookupError: There is none; names the buttons there are.
        """
        for row in self.keyboard:
            for button in row:
                if label in button.text or label == button.data:
                    return button
        raise LookupError(f"no button {label!r} among {self.buttons}")


@dataclass(frozen=True)
class Answer:
    """What the bot showed to a tap, and after how many seconds."""

    text: str
    show_alert: bool
    delay_seconds: float


@dataclass(frozen=True)
class Event:
    """A change: message, edit, keyboard, delete, tap, answer, said, reaction, commands, migrate, call."""

    kind: str
    message: Message | None = None
    answer: Answer | None = None


def keyboard(markup: dict[str, Any] | None) -> list[list[Button]]:
    """The buttons of a ``reply_markup`` object; none without one.

    Raises:
        Refused: A limit of the Bot API is broken.
    """
    if markup is None:
        return []
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refused('Bad Request: field "inline_keyboard" must be of type Array of Arrays')
    if any(len(row) > MAX_ROW for row in rows) or sum(map(len, rows)) > MAX_BUTTONS:
        raise Refused("Bad Request: REPLY_MARKUP_TOO_LONG")
    return [[_button(button) for button in row] for row in rows if row]


def _button(given: Any) -> Button:
    problem = "Bad Request: can't parse inline keyboard button: "
    if not isinstance(given, dict):
        raise Refused(f"{problem}InlineKeyboardButton must be an Object")
    text, data, url, style = (given.get(key) for key in ("text", "callback_data", "url", "style"))
    copy = given.get("copy_text")
    if not isinstance(text, str) or not text.strip():
        raise Refused(f"{problem}InlineKeyboardButton must have non-empty text")
    if sum(kind is not None for kind in (data, url, copy)) != 1:
        raise Refused(f"{problem}Text buttons are unallowed in the inline keyboard")
    if data is not None and not (isinstance(data, str) and 1 <= len(data.encode()) <= MAX_DATA):
        raise Refused("Bad Request: BUTTON_DATA_INVALID")
    if url is not None and not str(url).startswith(("http://", "https://", "tg://")):
        raise Refused("Bad Request: BUTTON_URL_INVALID")
    if style not in STYLES:
        raise Refused(f"{problem}invalid button style specified")
    copied = copy.get("text") if isinstance(copy, dict) else None
    if copy is not None and not (isinstance(copied, str) and 1 <= utf16(copied) <= MAX_COPY):
        raise Refused("Bad Request: BUTTON_COPY_TEXT_INVALID")
    return Button(text, data, style, url, copied)
