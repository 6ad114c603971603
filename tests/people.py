"""A secret for ledgers that a test writes line by line, and lines as a file has them: without people."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bot.domain.book import Book
from bot.domain.events import Line, Planned
from bot.storage.disk import Disk
from bot.storage.people.key import NAME, Key
from bot.storage.people.store import People

_SECRET = b"k" * 32
SECRET = f"{_SECRET.hex()}\n".encode()
"""What the file of the secret has."""
KEY = Key(_SECRET)


def lay_key(folder: Path) -> None:
    """The secret is there, as a start would have made it."""
    (folder / NAME).write_bytes(SECRET)


def lay(folder: Path, lines: Iterable[tuple[datetime, Line]]) -> list[tuple[datetime, Line]]:
    """The people of a ledger that is those lines; gives the lines with what they call them."""
    lay_key(folder)
    people, book = People(Disk(), folder, KEY), Book()
    called = [(at, people.called(line)) for at, line in lines]
    for at, line in called:
        book.apply(at, line)
        people.append(people.listed(at, [line], book))
    return called


def nameless(line: Line) -> Line:
    """A line as it comes out of a file."""
    if not isinstance(line, Planned):
        return line
    return replace(line, recipients=tuple(replace(r, name="", phone=None) for r in line.recipients))
