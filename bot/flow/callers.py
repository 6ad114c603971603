"""Whether an outage is on for a customer, by their id, a phone or a serial: told at once, from memory.

What is remembered is who is in the cases that are on, as their alerts and plans said it last: no names and no
phones. Nobody is looked up for who asks, and no case is searched.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence

from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.events import Line, Planned, Spared
from bot.domain.lookup.serials import normal
from bot.domain.lookup.struck import UNKNOWN, Struck, Told, struck, told
from bot.domain.phone import Phone, parse_phone
from bot.domain.plan import Recipient
from bot.ports import Clock, Ledger, Spawn

BEHIND = 1.0  # seconds that a plan's first messages have for themselves
AT_ONCE = 250  # customers read or taken in in one turn of the event loop: 4 ms
_Customers = dict[str, tuple[Struck, ...]]


class Callers:
    """The index: customers of open cases, by whatever they may be asked for by."""

    def __init__(self, ledger: Ledger, clock: Clock, spawn: Spawn) -> None:
        self._ledger, self._clock, self._spawn = ledger, clock, spawn
        self._cases: dict[int, _Customers] = {}
        self._by: dict[str, Struck | dict[Struck, None]] = {}  # a dict each would be half of the memory
        self._behind: set[int] = set()
        self._due: dict[tuple[int, bool], Sequence[Recipient] | None] = {}
        self._working: asyncio.Task[None] | None = None
        self._read = 0

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._by)

    def ask(self, customer: str) -> Told:
        """What is known of whoever has this serial, phone or id, the first of these that is known.

        LedgerClosed where it is not known what people are called.
        """
        for key in self._asked(customer):
            if found := self._known_by(key):
                people = {one.person for one in found} - {None}
                same = (one for person in people for one in self._known_by(f"p{person}"))
                return told(self._ledger.book, found, [*found, *same], self._clock.now())
        return UNKNOWN

    def start(self) -> None:
        """Take in what the ledger has of the cases that are on."""
        for number in self._ledger.book.open:
            self._take(number, None)

    def looked_up(self, number: int, customers: Sequence[Recipient]) -> None:
        """These are the customers of a case now."""
        self._take(number, customers)

    def heard(self, lines: Iterable[Line]) -> None:
        """Follow what lines say: a plan, who is back, that a case is over or on again."""
        open_ = self._ledger.book.open
        for line in lines:
            number: int | None = getattr(line, "case", None)
            if number is None:
                continue
            if isinstance(line, Planned) and self._cases.get(number):  # its customers are known already
                self._behind.add(number)
            if isinstance(line, Planned | Spared) or (number in self._cases) != (number in open_):
                self._take(number, None)

    def _asked(self, customer: str) -> Iterator[str]:
        yield f"s{normal(customer)}"
        phone = parse_phone(customer)
        if isinstance(phone, Phone):
            yield f"p{self._ledger.person(phone.digits)}"
        yield f"c{customer}"

    def _take(self, number: int, looked_up: Sequence[Recipient] | None) -> None:
        """In the order in which it came to be known: the last word of a customer counts."""
        key = number, looked_up is not None
        self._due.pop(key, None)
        self._due[key] = looked_up
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
            self._spawn(self._working)

    async def _work(self) -> None:
        try:
            while self._due:
                key = next(iter(self._due))
                if key[0] in self._behind:
                    self._behind.discard(key[0])
                    await self._clock.sleep(BEHIND)
                    continue
                await self._update(key[0], self._due.pop(key))
        finally:
            self._working = None

    async def _update(self, number: int, looked_up: Sequence[Recipient] | None) -> None:
        book, before = self._ledger.book, self._cases.get(number, {})
        if number not in book.open:
            self._cases.pop(number, None)
            await self._change(before, {})
            return
        case = book.cases[number]
        ports = [port.key for port in case.ports]
        if looked_up is None:
            plans = case.dispatches[-1:] if before else case.dispatches
            after = before | await self._planned(case, plans)
        else:
            after = await self._planned(case, case.dispatches)
            after |= await self._grouped(case, looked_up, ports)
        self._cases[number] = after
        await self._change(before, after)

    async def _planned(self, case: Case, dispatches: Iterable[Dispatch]) -> _Customers:
        """The customers of plans, as the last of them has each."""
        found: _Customers = {}
        for dispatch in list(dispatches):
            if dispatch.progress is not None:
                ports = [port.key for port in dispatch.ports]
                found |= await self._grouped(case, list(dispatch.progress.recipients.values()), ports)
        return found

    async def _grouped(self, case: Case, people: Iterable[Recipient], ports: Collection[str]) -> _Customers:
        """By customer. Who has no record is numbered anew by each plan: their ONU is who they are."""
        found: _Customers = {}
        for one in people:
            key = one.id if one.id.startswith("c") else " ".join(("r", *one.serials))
            found[key] = (*found.get(key, ()), struck(case, one, ports))
            await self._pause()
        return found

    async def _change(self, before: _Customers, after: _Customers) -> None:
        """Of each customer the old and the new in one turn: nobody is unknown meanwhile."""
        changed = [key for key in after.keys() | before.keys() if before.get(key) != after.get(key)]
        for key in changed:
            for one in before.get(key, ()):
                self._forget(one)
            for one in after.get(key, ()):
                for name in _names(one):
                    self._add(name, one)
            await self._pause()

    async def _pause(self) -> None:
        """Few at a time: thousands of customers at once would keep taps waiting."""
        self._read += 1
        if not self._read % AT_ONCE:
            await asyncio.sleep(0)

    def _known_by(self, name: str) -> Collection[Struck]:
        found = self._by.get(name, {})
        return (found,) if isinstance(found, Struck) else found

    def _add(self, name: str, one: Struck) -> None:
        found = self._by.get(name)
        if found is None:
            self._by[name] = one
        elif isinstance(found, Struck):
            self._by[name] = {found: None, one: None}
        else:
            found[one] = None

    def _forget(self, one: Struck) -> None:
        for name in _names(one):
            found = self._by[name]
            if isinstance(found, dict):
                found.pop(one, None)
            if found == one or not found:
                del self._by[name]


def _names(one: Struck) -> set[str]:
    """By what a customer is found."""
    found = {f"s{normal(serial)}" for serial in one.serials}
    if one.id.startswith("c"):
        found.add(one.id)
    if one.person is not None:
        found.add(f"p{one.person}")
    return found
