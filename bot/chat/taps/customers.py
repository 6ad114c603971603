"""/cliente: which customer is meant, and what they were told. For approvers, who are checked before."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace
from time import sleep

from bot.chat.screens.pages.customer import Answer
from bot.chat.screens.press import Kind
from bot.chat.taps.desk import Desk
from bot.domain.book import Book
from bot.domain.lookup.sought import OUTAGES, Customer, Hits, Sought, identity, read
from bot.domain.lookup.told import planned, told
from bot.domain.plan import Recipient
from bot.domain.regional import Whose
from bot.errors import Declined, LedgerClosed
from bot.ports import History

REMEMBERED = 100  # lists to choose from; an older one is asked for anew
Plans = Sequence[tuple[int, Sequence[Recipient]]]


class Customers:
    """What is asked about customers: in the book and the look-ups first, then in the history."""

    def __init__(self, desk: Desk, history: History | None) -> None:
        self._desk, self._history = desk, history
        self._lists: OrderedDict[int, Answer] = OrderedDict()
        self._last = 0

    async def find(self, text: str, whose: Whose) -> Answer | None:
        """What is known of who is meant, of those in plans of cases that are theirs; None where nobody can be
        found by so little.
        """
        sought = read(text)
        if sought is None:
            return None
        answer = await self._sought(sought, whose)
        found = answer.found
        if not whose.everything and (not found or sought.phone is None):  # a name may be that of several
            answer = await self._elsewhere(answer, sought, whose)
        if len(found) == 1:
            return await self._about(answer, found[0], whose)
        if not found and not whose.everything:
            return answer
        self._last += 1
        answer = self._lists[self._last] = replace(answer, token=self._last)
        while len(self._lists) > REMEMBERED:
            self._lists.popitem(last=False)
        return answer

    async def _sought(self, sought: Sought, whose: Whose) -> Answer:
        """Whoever fits best."""
        answer = await self._older(sought, whose)
        plans: Plans = [*self._desk.waiting().items(), *planned(self._book)]
        cases = self._book.cases
        theirs = {case for case, _ in plans if case in cases and whose.has(cases[case].region)}
        hits = await asyncio.to_thread(_seek, sought, plans, theirs, answer.found)
        found = [_with_phone(one, sought) for one in hits.found()]
        return replace(answer, found=found, typed=sought.phone is not None)

    async def _elsewhere(self, answer: Answer, sought: Sought, whose: Whose) -> Answer:
        """With the regions that know others who fit best."""
        everybody = replace(whose, regions=frozenset(("", *whose.rules.regions)))
        every, here = await self._sought(sought, everybody), {one.id for one in answer.found}
        numbers = {case for one in every.found if one.id not in here for case in one.cases}
        book, unread = self._book.cases, answer.unread or every.unread
        regions = {book[number].region for number in numbers if number in book}
        if self._history is not None and (left := numbers - book.keys()):
            try:
                regions |= await self._history.regions(left)
            except Declined:
                unread = True
        others = sorted({whose.rules.home(region) for region in regions if not whose.has(region)})
        return replace(answer, elsewhere=others, unread=unread, cut=answer.cut or every.cut)

    async def choose(self, arg: str, whose: Whose) -> Answer:
        """One of a list, or the list again. Declined where nobody remembers it."""
        token, _, number = arg.partition(".")
        answer = self._lists.get(int(token))
        if answer is None:
            raise Declined("old_page", kind=Kind.CUSTOMER)
        if not number:
            return answer
        if int(number) >= len(answer.found):
            raise Declined("unknown_button")
        return await self._about(answer, answer.found[int(number)], whose)

    @property
    def _book(self) -> Book:
        return self._desk.ledger.book

    def _called(self, phone: str | None) -> str | None:
        try:
            return None if phone is None else self._desk.ledger.person(phone)
        except LedgerClosed:
            return None

    async def _older(self, sought: Sought, whose: Whose) -> Answer:
        """Those of the past, as far as it could be read now."""
        if self._history is None:
            return Answer(())
        called = self._called(None if sought.phone is None else sought.phone.digits)
        try:
            only = None if whose.everything else whose
            found, cut = await self._history.customers(sought, called, only)
        except Declined:
            return Answer((), unread=True)
        return Answer(found, cut=cut)

    async def _about(self, answer: Answer, one: Customer, whose: Whose) -> Answer:
        """With what a customer was told in the last outages."""
        called, past, unread, cut = self._called(one.phone), Book(), answer.unread, False
        if self._history is not None:
            try:
                past, cut = await self._history.outages(one, called)
            except Declined:
                unread = True
        numbers = {*one.cases, *(number for number in past.cases if number > 0)}
        books = ((number, self._book_of(number, past)) for number in sorted(numbers, reverse=True))
        outages = [told(book, number, one.id) for number, book in books if number in book.cases][:OUTAGES]
        called = called or next((t.message.recipient.person for t in outages if t.message is not None), None)
        out, cut = self._book.opted_out.get(called or ""), answer.cut or cut
        about = replace(answer, of=one, outages=outages, opted_out=out, unread=unread, cut=cut)
        return replace(about, others={t.case.id for t in outages if not whose.has(t.case.region)})

    def _book_of(self, number: int, past: Book) -> Book:
        """The book that has all of a case: the present one, as long as the case is more than a record."""
        case = self._book.cases.get(number)
        return self._book if case is not None and not case.past else past


def _with_phone(one: Customer, sought: Sought) -> Customer:
    """Who was found by a phone that is not kept any more has it, as it was typed."""
    typed = None if sought.phone is None else sought.phone.digits
    return one if one.phone is not None else replace(one, phone=typed)


def _seek(sought: Sought, plans: Plans, theirs: Collection[int], older: Collection[Customer]) -> Hits:
    """In a thread of its own, with turns for the event loop. Whoever is found is in a plan that is theirs, or
    one of those of the past.
    """
    hits = Hits(sought)
    for one in older:
        hits.take(one)
    for again in (False, True):  # a name may be written otherwise in another plan, which may be anybody's
        for case, recipients in plans:
            sleep(0)
            for who in recipients:
                known = identity(who)
                if known is None:
                    continue
                if again:
                    hits.also(known, case)
                elif case in theirs:
                    hits.look_at(known, who.name, who.phone, who.serials, case)
    return hits
