"""Text for a platform that is latin-1 (README.md of this folder): the rest is spelt out or goes."""

import unicodedata

from bot.gateways.filling import LONGEST_NAME, NAMELESS

_LAST = "\xff"  # of latin-1
_SPELT = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        "\u2026": "...",
        "\u2022": "-",
        "\u20ac": "EUR",
        "\u2122": "TM",
        "Ł": "L",
        "ł": "l",
        "\u0153": "oe",
        "\u0152": "OE",
    }
)


def spell_name(name: str) -> str:
    """The name in one line of printable latin-1, accents kept, emoji gone, never empty."""
    return spell(name, LONGEST_NAME) or NAMELESS


def spell(text: str, longest: int) -> str:
    """The text in one line of at most so many characters of printable latin-1; empty where none is left."""
    composed = unicodedata.normalize("NFC", text.translate(_SPELT))
    if not composed.isprintable() or max(composed, default="") > _LAST:
        composed = "".join(map(_spell, composed))
    return " ".join(composed.split())[:longest].rstrip()


def _spell(character: str) -> str:
    if character.isspace():
        return " "
    decomposed = unicodedata.normalize("NFKD", character)
    for spelling in (character, decomposed):
        kept = spelling.encode("latin-1", "ignore").decode("latin-1")
        if kept and kept.isprintable():
            return kept
    return ""
