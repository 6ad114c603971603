"""Making a list fit one message: whole items only, and how many were left out."""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from markupsafe import Markup, escape

from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button
from bot.chat.screens.words import VALUE_AT_MOST, Words, clean, shorten, units

# What Telegram takes (bot/chat/wire/README.md).
TEXT_AT_MOST = 4096  # UTF-16 units, without the tags
ENTITIES_AT_MOST = 100
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


class Section(NamedTuple):
    """A title and its rows, `most` of them at most; `of` is how many there are."""

    title: Markup
    rows: Iterable[Markup]
    of: int
    most: int


def fit_sections(
    head: Sequence[Markup],
    sections: Sequence[Section],
    words: Words,
    *,
    more: str = "page.more",
) -> Markup:
    """The head, every title, and of the sections' rows as many as one message holds, the first ones first.

    Of each it says how many were left out.
    """
    start = LINE.join(head)
    fixed = [start, *(section.title for section in sections)]
    left = (
        TEXT_AT_MOST - sum(shown_units(PARAGRAPH + part) for part in fixed) - _ROOM_FOR_MORE * len(sections)
    )
    tags = ENTITIES_AT_MOST - sum(map(entities, fixed))
    parts = [start] if start else []
    for section in sections:
        lines = [section.title]
        for row in islice(section.rows, section.most):
            left, tags = left - shown_units(LINE + row), tags - entities(row)
            if left < 0 or tags < 0:
                left, tags = left + shown_units(LINE + row), tags + entities(row)
                break
            lines.append(row)
        left_out = section.of - len(lines) + 1
        parts.append(LINE.join([*lines, *([words.say(more, n=left_out)] if left_out else [])]))
    return PARAGRAPH.join(parts)


class Item(NamedTuple):
    """A part of a line that stands for `n` things; `gap` comes before it where it is not the first."""

    text: Markup
    n: int = 1
    gap: str = ", "


def quoted(text: str, at_most: int = VALUE_AT_MOST) -> Markup:
    """A foreign text in one line of at most so many UTF-16 units, escaped."""
    return escape(shorten(clean(text), at_most))


def in_line(items: Sequence[Item], words: Words, *, room: int, more: str = "page.more_csv") -> Markup:
    """As many whole items as `room` UTF-16 units hold in one line, then `more` with what was left out."""
    line, length = Markup(""), 0
    for place, item in enumerate(items):
        part = item.gap + item.text if line else item.text
        length += shown_units(part)
        if length > room:
            rest = words.say(more, n=sum(item.n for item in items[place:]))
            return Markup(" ").join([line, rest]) if line else rest
        line += part
    return line


def page_buttons(page: int, pages: int, words: Words, press: Callable[[int], Press]) -> tuple[Button, ...]:
    """◀ and ▶ as far as there is something to turn to; `press` says what the tap asks for."""
    back = [Button(words.plain("button.previous"), press(page - 1).encode())] if page > 0 else []
    on = [Button(words.plain("button.next"), press(page + 1).encode())] if page + 1 < pages else []
    return (*back, *on)
