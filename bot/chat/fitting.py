"""Making a list fit one message: whole items only, and how many were left out."""

import html
import re
from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from bot.chat.buttons import Press
from bot.chat.screen import Button
from bot.chat.words import Words, units

TEXT_AT_MOST = 4096  # UTF-16 units after entity parsing, contracts/telegram.md
ENTITIES_AT_MOST = 100  # contracts/telegram.md
_TAG = re.compile(r"</?[a-z][^>]*>")
LINE = Markup("\n")
PARAGRAPH = Markup("\n\n")
SEPARATOR = Markup(" · ")
_ROOM_FOR_MORE = 64


def shown_units(markup: str) -> int:
    """How long Telegram counts a text of ours: UTF-16 units without the tags."""
    return units(html.unescape(_TAG.sub("", markup)))


def entities(markup: str) -> int:
    """How many entities a text of ours has."""
    return sum(1 for tag in _TAG.findall(markup) if not tag.startswith("</"))


def fit(
    head: Sequence[Markup],
    items: Iterable[Markup],
    words: Words,
    *,
    of: int,
    more: str = "page.more",
    gap: Markup = LINE,
) -> Markup:
    """The head and as many items as one message holds, then `more` with the number left out.

    `of` is how many items there are: those beyond the end of the message are never drawn.
    """
    start = LINE.join(head)
    length, tags = shown_units(start), entities(start)
    parts = [start]
    for item in items:
        length += shown_units(gap + item)
        tags += entities(item)
        if length > TEXT_AT_MOST - _ROOM_FOR_MORE or tags > ENTITIES_AT_MOST:
            break
        parts.append(item)
    left_out = of - len(parts) + 1
    return gap.join(parts + ([words.say(more, n=left_out)] if left_out else []))


def page_buttons(page: int, pages: int, words: Words, press: Callable[[int], Press]) -> tuple[Button, ...]:
    """◀ and ▶ as far as there is something to turn to; `press` says what the tap asks for."""
    back = [Button(words.plain("button.previous"), press(page - 1).encode())] if page > 0 else []
    on = [Button(words.plain("button.next"), press(page + 1).encode())] if page + 1 < pages else []
    return (*back, *on)
