"""What Opa! Suite says of a channel and of its templates, and what is wrong with them (README.md here)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.domain.limits.templates import Template, Trouble, filled, variables_in
from bot.errors import BadAnswer
from bot.gateways.opa.answers import identifier
from bot.gateways.reasons import listed, one_line

OFFICIAL = ("dialog360", "facebook")
"""The integrations behind which Meta's own API stands."""
WHATSAPP, INACTIVE = "whatsapp", "I"


def troubles_of(channel: Mapping[str, Any]) -> tuple[Trouble, ...]:
    """Why nothing is sent by a channel, the worst first."""
    return tuple(_of_channel(channel))


def template_of(row: Mapping[str, Any], id_: str, words: Sequence[str]) -> Template:
    """A template as the channel has it; `words` are what we fill it with."""
    said = row.get("texto")
    text = said if isinstance(said, str) and said.strip() else None
    has = variables_in(text or "")
    fits = text is None or len(has) == len(words)
    wrong = () if fits else (Trouble("variables", listed(has), str(len(words))),)
    return Template(id_, None if text is None else _numbered(text, has), wrong)


def choices(rows: Any) -> list[tuple[str, str]]:
    """Those in a channel's list, each with its name and its text. BadAnswer where it is no list."""
    if not isinstance(rows, list):
        raise BadAnswer("no_rows")
    named = [(identifier(row.get("_id")), row) for row in rows if isinstance(row, dict)]
    return [
        (id_, f"{one_line(row.get('atalho')) or id_}: {one_line(row.get('texto')) or ''}")
        for id_, row in named
        if id_ is not None
    ]


def _numbered(text: str, has: Sequence[str]) -> str:
    """The text with {{1}}, {{2}} ... in the place of the names, which the platform does not go by."""
    return filled(text, {name: f"{{{{{number}}}}}" for number, name in enumerate(has, 1)})


def _of_channel(channel: Mapping[str, Any]) -> Iterator[Trouble]:
    kind, by = (str(channel.get(name) or "").strip() for name in ("canal", "integracao"))
    if kind and kind.casefold() != WHATSAPP:
        yield Trouble("other_channel", one_line(kind) or "?")
    if by.casefold() not in OFFICIAL:
        yield Trouble("unofficial", one_line(by) or "?", ", ".join(OFFICIAL))
    if channel.get("status") == INACTIVE:
        yield Trouble("inactive", one_line(channel.get("nome")) or "?")
