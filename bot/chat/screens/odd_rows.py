"""Open alerts that have no card, as what the source says of them cannot be read."""

from collections.abc import Iterable

from markupsafe import Markup

from bot.chat.screens.words import Words
from bot.domain.incident import OddRow

ODD_ROWS = "odd_rows"


def odd_row(row: OddRow, words: Words) -> Markup:
    """Its id, what of it could not be read, and what could."""
    return words.say("status.skipped_row", id=row.id, wrong=words.coded(row.wrong, "odd"), read=row.read)


def listed(rows: Iterable[OddRow], words: Words) -> Markup:
    """A line for each of them."""
    return Markup("").join(Markup("\n") + odd_row(row, words) for row in rows)
