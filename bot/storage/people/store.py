"""The people of a ledger: what its lines call them, written beside the lines, and put into its book again."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from bot.domain.book import Book
from bot.domain.dispatch import Dispatch
from bot.domain.events import Line, Planned
from bot.domain.plan import Recipient
from bot.storage.codec import Entry
from bot.storage.copied import BEFORE
from bot.storage.disk import Disk
from bot.storage.people import months
from bot.storage.people.key import Key, KeyMissing, read
from bot.storage.people.months import Listed, Person

L = TypeVar("L", bound=Line)


class People:
    """Names and phones beside the lines of one data folder; for one thread at a time."""

    def __init__(self, disk: Disk, folder: Path, key: Key) -> None:
        self._disk, self._folder = disk, folder
        self._read: tuple[str, dict[tuple[int, datetime], Listed]] = ("", {})
        self.key = key

    def called(self, line: L) -> L:
        """The line, calling people what this ledger does, whatever whoever made it called them."""
        if not isinstance(line, Planned):
            return line
        return replace(line, recipients=tuple(map(self._called, line.recipients)))

    def _called(self, one: Recipient) -> Recipient:
        person = one.person if one.phone is None else self.key.person(one.phone)
        return one if person == one.person else replace(one, person=person)

    def listed(self, at: datetime, lines: Iterable[Line], book: Book) -> tuple[Listed, ...]:
        """What is to be written beside the lines, which were applied to the book at that time."""
        return tuple(
            Listed((line.case, len(book.cases[line.case].dispatches)), at, _people(line.recipients))
            for line in lines
            if isinstance(line, Planned) and line.recipients
        )

    def append(self, listed: Iterable[Listed]) -> None:
        """Write it down durably. OSError."""
        months.append(self._disk, self._folder, listed)

    def fill(self, book: Book) -> int:
        """Names and phones into the plans of a book, as far as they are known. OSError.

        How many customers have no phone that they should have, of those who may still be written to.
        """
        plans = {(number, d.attempt): d for number, d in _planned(book)}
        if not plans:
            return 0
        since = min(dispatch.at for dispatch in plans.values())
        found = months.find(self._disk, self._folder, since, plans)
        unknown, going_on = 0, book.open | book.running | book.to_restore.keys()
        for plan, dispatch in plans.items():
            known = found.get(plan)
            missing = self._put(dispatch.sends.recipients, () if known is None else known.people)
            unknown += missing if abs(plan[0]) in going_on else 0
        return unknown

    def named(self, entry: Entry) -> Entry:
        """A line as it was before its people were left out, as far as they are known. OSError.

        It has a month in memory: to be asked in the order of the ledger.
        """
        line, month = entry.line, months.month_of(entry.at)
        if not isinstance(line, Planned):
            return entry
        if self._read[0] != month:
            self._read = month, months.every(self._disk, self._folder, month)
        listed = self._read[1].get((line.case, entry.at))
        known = {one.id: one for one in line.recipients}
        self._put(known, () if listed is None else listed.people)
        return entry._replace(line=replace(line, recipients=tuple(known.values())))

    def months(self) -> list[str]:
        """The files that are there, in their order. OSError."""
        return months.months_in(self._disk, self._folder)

    def lines(self, month: str) -> Iterator[bytes]:
        """What is in one of them, as it is. OSError."""
        return months.lines(self._disk, self._folder, month)

    def _put(self, recipients: dict[str, Recipient], people: Iterable[Person]) -> int:
        """How many of them have no phone that they should have."""
        for person in people:
            one = recipients.get(person.id)
            if one is not None and (person.phone is None or self.key.person(person.phone) == one.person):
                recipients[person.id] = replace(one, name=person.name, phone=person.phone)
        return sum(one.person is not None and one.phone is None for one in recipients.values())


def let_go(disk: Disk, folder: Path, now: datetime | None, days: int) -> list[str]:
    """Take away what is due of a data folder: files of months, and copies that an upgrade made; their names.

    What a command left when it was cut off goes as well, and where nobody knows the time that alone. Whose
    the people are need not be known. OSError.
    """
    gone = [] if now is None else months.due(months.months_in(disk, folder), now, days)
    left = months.left_over(disk, folder)
    for name in (*gone, *left):
        disk.remove(folder / months.FOLDER / name)
    if gone or left:
        disk.sync_folder(folder / months.FOLDER)
    if now is None:
        return gone
    last = f"{BEFORE}-{now - timedelta(days=days):%Y%m%dT%H%M%SZ}"
    for name in disk.names(folder):
        if name.startswith(f"{BEFORE}-") and name <= last:
            disk.remove_folder(folder / name)
            gone.append(name)
    return gone


def day_before(book: Book) -> datetime | None:
    """The beginning of the day on record before the last one, by which it is told what is due.

    A clock that jumps ahead takes nothing away before it was so for a day.
    """
    return next(iter(book.days[-2:-1]), None)


def known(disk: Disk, folder: Path) -> People | None:
    """The people of a data folder, to be read; None where there is no key that tells who is who. OSError."""
    try:
        return People(disk, folder, read(disk, folder))
    except (KeyMissing, FileNotFoundError):
        return None


def blank(book: Book, now: datetime, days: int) -> None:
    """What is due leaves the plans of a book, too."""
    for _, dispatch in _planned(book):
        if months.is_due(months.month_of(dispatch.at), now, days):
            recipients = dispatch.sends.recipients
            recipients.update({id_: replace(one, name="", phone=None) for id_, one in recipients.items()})


def _planned(book: Book) -> Iterator[tuple[int, Dispatch]]:
    for number, case in book.cases.items():
        for dispatch in case.dispatches:
            if dispatch.progress is not None and dispatch.progress.recipients:
                yield number, dispatch


def _people(recipients: Iterable[Recipient]) -> tuple[Person, ...]:
    return tuple(Person(one.id, one.name, one.phone) for one in recipients)
