"""Customers found again in plans of the past: by name in `people/`, by phone and ONU in the lines."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from time import monotonic, sleep
from typing import TypeVar

from bot.domain.events import Planned
from bot.domain.lookup.sought import OUTAGES, PATIENCE, Customer, Hits, Sought, identity
from bot.domain.plan import Recipient
from bot.domain.regional import Whose
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.people import months
from bot.storage.people.months import Listed
from bot.storage.people.store import People

T = TypeVar("T")
_PLANS = 50  # of one phone, the newest
_AT_ONCE = 20  # plans between two moments in which the event loop may go on


class Seeking:
    """One search, for one thread; `cut` where its `PATIENCE` ended before the past did. OSError."""

    def __init__(self, index: Index, recall: Recall, people: People | None) -> None:
        self._index, self._recall, self._people = index, recall, people
        self._until = monotonic() + PATIENCE
        self.cut = False

    def customers(self, sought: Sought, called: str | None, whose: Whose | None = None) -> list[Customer]:
        """Whoever fits best, of those in plans of cases that are theirs (None: all); with anybody's cases.

        `called` is what the lines call whoever has the phone that is sought.
        """
        hits, others = Hits(sought), list[tuple[int, Recipient]]()

        @cache
        def theirs(case: int) -> bool:
            return whose is None or whose.has(self._index.region_of(case))

        if sought.words or sought.end:
            self._by_name(hits, theirs)
        if sought.serial:
            for case, one in self._with_serial(sought.serial):
                if theirs(case):
                    _take(hits, case, one, sought.rank("", None, one.serials))
                else:
                    others.append((case, one))
        for plan in self._plans_of(called) if called is not None else ():
            for one in plan.recipients if theirs(plan.case) else ():
                _take(hits, plan.case, one, 0 if one.person == called else None)
        if whose is not None and hits.found():
            self._of_others(hits, others)
        return hits.found()

    def _by_name(self, hits: Hits, theirs: Callable[[int], bool]) -> None:
        for listed in self._slowly(self._listed()):
            for one in listed.people if theirs(listed.plan[0]) else ():
                if one.id.startswith("c"):  # any other id says nothing of who it is
                    hits.look_at(one.id, one.name, one.phone, (), listed.plan[0])

    def _of_others(self, hits: Hits, others: Iterable[tuple[int, Recipient]]) -> None:
        """Whoever was found in a plan of theirs is told of by all: the newest may be another region's, which
        has another phone of them or none. `others` are plans of such that were met on the way.
        """
        for case, one in others:
            known = identity(one)
            if known is not None:
                hits.also(known, case)
        for listed in self._slowly(self._listed()):
            for person in listed.people:
                hits.also(person.id, listed.plan[0])

    def cases_of(self, customer: Customer, called: str | None) -> list[int]:
        """The newest cases of a customer, as many as are told of, newest first."""
        found = dict.fromkeys(customer.cases)
        for plan in self._plans_of(called) if called is not None else ():
            if any(identity(one) == customer.id for one in plan.recipients):
                found[abs(plan.case)] = None
        return sorted(found, reverse=True)[:OUTAGES]

    def _listed(self) -> Iterator[Listed]:
        """The people of all plans that are kept, newest month first."""
        if self._people is None:
            return
        for month in reversed(self._people.months()):
            with suppress(FileNotFoundError):  # its time was over at this moment
                yield from filter(None, map(months.read, self._people.lines(month)))

    def _with_serial(self, serial: str) -> Iterator[tuple[int, Recipient]]:
        places = self._index.plans_backwards()
        for entry in self._slowly(self._recall.lines(places, serial.encode())):
            named = entry if self._people is None else self._people.named(entry)
            if isinstance(named.line, Planned):
                for one in named.line.recipients:
                    if any(serial in known.upper() for known in one.serials):
                        yield named.line.case, one

    def _plans_of(self, called: str) -> Iterator[Planned]:
        """The newest plans that whoever is called so may be in."""
        places = self._index.plans_of(called)[-_PLANS:]
        for entry in self._slowly(self._recall.lines(places)):
            named = entry if self._people is None else self._people.named(entry)
            if isinstance(named.line, Planned):
                yield named.line

    def _slowly(self, found: Iterator[T]) -> Iterator[T]:
        while some := list(islice(found, _AT_ONCE)):
            yield from some
            sleep(0)
            if monotonic() > self._until:
                self.cut = self.cut or next(found, None) is not None
                return


def _take(hits: Hits, case: int, one: Recipient, rank: int | None) -> None:
    known = identity(one)
    if known is not None and rank is not None:
        hits.take(Customer(known, one.name, one.phone, one.serials, (abs(case),), rank))
