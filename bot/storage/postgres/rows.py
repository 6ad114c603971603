"""Whether the rows of the lines are as they were written: all of them are read where they stand.

A line that was damaged there shows nowhere else: who runs has a good copy, and only who has none reads it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from bot import tongue
from bot.errors import Closed
from bot.storage.chain import first_off
from bot.storage.commands.phrases import ROW_CLOSES
from bot.storage.postgres.link import Link

_PAGE = 1000  # lines that are in memory at once
_HEAD = "SELECT seq, digest, (SELECT count(*) FROM ledger_lines l WHERE l.seq > h.seq) FROM ledger_head h"


class Rows(NamedTuple):
    """What was read: the head's line, whether it is the last, the number of the first that is not right."""

    seq: int
    digest: str
    ends: bool
    off: int | None


def read(link: Link) -> Rows:
    """Every line up to the head, also while a bot writes behind it. Raises Lost.

    Each page is a statement of its own, so nothing is kept in the database meanwhile for who reads.
    """
    ((seq, digest, beyond),) = link.ask(_HEAD)
    off, last = first_off(_lines(link, seq))
    if off is None and last.seq < seq:
        off = last.seq + 1
    return Rows(seq, digest, off is not None or (not beyond and last.digest == digest), off)


def damaged(line: int) -> Closed:
    """Why a ledger is closed with such a line in it."""
    return Closed(tongue.said(ROW_CLOSES, line=line), "rows", line=line)


def _lines(link: Link, end: int) -> Iterator[bytes]:
    query = "SELECT seq, line FROM ledger_lines WHERE seq > %s AND seq <= %s ORDER BY seq LIMIT %s"
    behind = 0
    while page := link.ask(query, (behind, end, _PAGE)):
        behind = page[-1][0]
        yield from (line.encode() for _, line in page)
