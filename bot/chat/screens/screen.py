"""What is shown: a text in Telegram's HTML and rows of inline buttons."""

from dataclasses import dataclass
from typing import Literal

Style = Literal["success", "danger", "primary"]


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button: callback `data` (1-64 bytes) or a `url`."""

    text: str
    data: str | None = None
    style: Style | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """A message: escaped HTML of at most 4,096 UTF-16 units after parsing, and its buttons."""

    html: str
    rows: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document to send: file name and content."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture to send: a PNG, and the escaped HTML under it, which says what it is of."""

    filename: str
    content: bytes
    caption: str
