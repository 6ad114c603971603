"""The HTML dialect of Telegram messages, with the real server's error texts."""

import re
from dataclasses import dataclass
from typing import Any, NoReturn

ENTITY = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
ARGUMENT = {("a", "href"), ("code", "class"), ("span", "class"), ("tg-emoji", "emoji-id")}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
TOKEN = re.compile(r"<(?P<tag>[^>]*)(?P<end>>?)|&(?P<ref>#?[A-Za-z0-9]+;)?|(?P<gt>>)|[^<>&]+")
ATTRIBUTE = re.compile(r"\s*([^\s=>/\"']*)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[A-Za-z0-9.-]+))?")


class HtmlError(ValueError):
    """What the server would say after "Bad Request: can't parse entities: "."""


@dataclass(frozen=True)
class Parsed:
    """Plain text and its entities, offsets and lengths in UTF-16 units."""

    text: str
    entities: list[dict[str, Any]]


@dataclass(frozen=True)
class _Open:
    tag: str
    argument: str
    offset: int


def utf16(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def parse(html: str) -> Parsed:
    """The text without its tags, and where they stood.

    Raises:
        HtmlError: A tag or entity outside the dialect, an unbalanced tag, a bare ``<``, ``>`` or ``&``.
    """
    text = ""
    stack: list[_Open] = []
    entities: list[dict[str, Any]] = []
    for token in TOKEN.finditer(html):
        at = len(html[: token.start()].encode())
        whole = token[0]
        if token["tag"] is not None:
            if token["tag"].startswith("/"):
                # in front: an inner tag closes first, and the outer one of two equals is named first
                entities[:0] = _close(token["tag"][1:], token["end"], stack, utf16(text), at)
            else:
                stack.append(_open(token["tag"], token["end"], utf16(text), at))
        elif whole.startswith("&"):
            text += _character(token["ref"], at)
        elif token["gt"]:
            _unescaped(">", at)
        else:
            text += whole
    if stack:
        raise HtmlError(f'Can\'t find end tag corresponding to start tag "{stack[-1].tag}"')
    outer_first = sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))
    return _stripped(text, outer_first)


def _open(inside: str, end: str, offset: int, at: int) -> _Open:
    name = (inside.split(maxsplit=1) or [""])[0] if inside[:1].strip() else ""
    tag = name.lower()
    if not end and name == inside:
        raise HtmlError(f"Unclosed start tag at byte offset {at}")
    if tag not in ENTITY:
        raise HtmlError(f'Unsupported start tag "{tag}" at byte offset {at}')
    if not end:
        raise HtmlError(f'Unclosed start tag "{tag}" at byte offset {at}')
    argument = _argument(tag, inside[len(name) :], at)
    if tag == "span" and argument != "tg-spoiler":
        raise HtmlError(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
    return _Open(tag, argument, offset)


def _argument(tag: str, rest: str, at: int) -> str:
    """The value of the one attribute that means something on this tag."""
    found, position = "", 0
    while rest[position:].strip():
        match = ATTRIBUTE.match(rest, position)
        if match is None or not match[1]:
            raise HtmlError(f'Empty attribute name in the tag "{tag}" at byte offset {at}')
        if match[2] is None and rest[match.end() :].lstrip().startswith("="):
            raise HtmlError(f"Unexpected end of name token at byte offset {at}")
        if (tag, match[1].lower()) in ARGUMENT and match[2]:
            found = re.sub(r"&(#?[A-Za-z0-9]+;)?", lambda m: _character(m[1], at), match[2].strip("\"'"))
        if tag == "blockquote" and match[1] == "expandable":
            found = "expandable"
        position = match.end()
    return found


def _close(name: str, end: str, stack: list[_Open], now: int, at: int) -> list[dict[str, Any]]:
    if not stack:
        raise HtmlError(f"Unexpected end tag at byte offset {at}")
    if not end:
        raise HtmlError(f"Unclosed end tag at byte offset {at}")
    opened = stack.pop()
    name = name.strip()
    if name and name != opened.tag:
        expected = f'expected "</{opened.tag}>", found "</{name}>"'
        raise HtmlError(f"Unmatched end tag at byte offset {at}, {expected}")
    if now == opened.offset:
        return []
    entity = {"type": ENTITY[opened.tag], "offset": opened.offset, "length": now - opened.offset}
    if opened.tag == "a":
        return [{**entity, "url": opened.argument}] if opened.argument else []
    if opened.tag == "tg-emoji":
        return [{**entity, "custom_emoji_id": opened.argument}]
    if opened.argument == "expandable":
        return [{**entity, "type": "expandable_blockquote"}]
    return [entity]


def _character(ref: str | None, at: int) -> str:
    name = (ref or "").rstrip(";")
    if name in NAMED:
        return NAMED[name]
    match = re.fullmatch(r"#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))", name)
    code = int(match[1] or match[2], 16 if match[1] else 10) if match else 0
    # 0xD800-0xDFFF are halves of a pair, not characters
    if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004
        _unescaped("&", at)
    return chr(code)


def _unescaped(character: str, at: int) -> NoReturn:
    """The real server lets these two pass today; the contract has every one escaped, so we insist."""
    raise HtmlError(f'Unescaped character "{character}" at byte offset {at}')


def _stripped(text: str, entities: list[dict[str, Any]]) -> Parsed:
    """Without the white space around the text, which the server cuts off."""
    cut = utf16(text) - utf16(text.lstrip())
    text = text.strip()
    kept = []
    for entity in entities:
        begin = max(0, entity["offset"] - cut)
        end = min(utf16(text), entity["offset"] - cut + entity["length"])
        if end > begin:
            kept.append({**entity, "offset": begin, "length": end - begin})
    return Parsed(text, kept)
