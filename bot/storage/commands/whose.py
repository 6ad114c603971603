"""Whose a row of `people/` is: what `ledger forget` takes away is what `ledger person` shows.

The lines call whoever has a phone by a code for ever, and say which record and which ONUs that is. So a row
is found that says no phone itself, and also where the row that did is gone.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from bot.domain.events import Planned
from bot.domain.phone import Phone, phone_key
from bot.errors import StartupError
from bot.storage.codec import Entry
from bot.storage.disk import Disk
from bot.storage.past.history import Archive
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.past.tables import Place
from bot.storage.people import months
from bot.storage.people.months import Listed, Person

By = Literal["phone", "record", "onu"]
"""By what a row is theirs: the phone in it, its record, or the ONU, for one that had no customer."""

_NO_ROOM = "no room for an index in the folder for temporary files: set TMPDIR to one that has some"


@dataclass(slots=True)
class Whose:
    """Who is meant by a phone, as far as the lines say."""

    key: str
    cases: set[int]
    """In whose plans they are."""
    ever: set[str]
    """The records that had the phone."""
    lately: set[str]
    """Those of them that had it in a month that is still kept: what they have now is the same customer's."""
    onus: set[tuple[int, datetime, str]]
    """Case, time and id of their ONUs without a customer."""

    def by(self, listed: Listed, person: Person) -> By | None:
        """By what a row is theirs; None where it is not.

        Who had the phone only long ago and has another by now is somebody else: carriers give them out again.
        """
        if person.phone is not None and phone_key(person.phone) == self.key:
            return "phone"
        if person.id in (self.ever if person.phone is None else self.lately):
            return "record"
        return "onu" if (listed.plan[0], listed.at, person.id) in self.onus else None


def whose(archive: Archive, disk: Disk, folder: Path, phone: Phone, called: str) -> Whose:
    """Who is meant by a phone; `called` is what the lines call whoever has it.

    It reads each of their plans, and each that is still kept with an ONU without a customer. OSError;
    StartupError (exit code 1) where there is no room for it.
    """
    kept = months.months_in(disk, folder)
    unlinked = {listed.plan[0] for listed in rows(disk, folder) if any(map(_is_onu, listed.people))}

    def work(index: Index, recall: Recall) -> Whose | None:
        if index.path is None:
            return None
        found, serials = Whose(phone.key, set(), set(), set(), set()), set[str]()
        for entry, plan in _plans(recall, index.plans_of(called)):
            for one in (one for one in plan.recipients if one.person == called):
                found.cases.add(abs(plan.case))
                serials.update(one.serials)
                if one.id.startswith("c"):  # any other id says nothing of who it is
                    found.ever.add(one.id)
                    found.lately |= {one.id} if months.month_of(entry.at) in kept else set()
        if serials:
            for entry, plan in _plans(recall, index.plans_about(unlinked)):
                theirs = (r.id for r in plan.recipients if not serials.isdisjoint(r.serials))
                found.onus |= {(plan.case, entry.at, id_) for id_ in theirs if id_.startswith("r")}
        return found

    found = archive.ask(work)
    if found is None:
        raise StartupError(_NO_ROOM, code=1)
    return found


def rows(disk: Disk, folder: Path) -> Iterator[Listed]:
    """The people of all plans that are kept, in their order. OSError."""
    for month in months.months_in(disk, folder):
        yield from filter(None, map(months.read, months.lines(disk, folder, month)))


def _is_onu(person: Person) -> bool:
    return person.id.startswith("r") and bool(person.name)


def _plans(recall: Recall, places: Collection[Place]) -> Iterator[tuple[Entry, Planned]]:
    for entry in recall.lines(places):
        if isinstance(entry.line, Planned):
            yield entry, entry.line
