"""What people ask of cases and decisions that the book does not hold any more: the ledger's history knows."""

import contextlib

from markupsafe import escape

from bot.chat.screens.fitting import fit
from bot.chat.screens.pages import sheets
from bot.chat.screens.pages.audit import A_PAGE, audit, fitting_filter
from bot.chat.screens.pages.audit_entries import TODAY, is_number, wish_of
from bot.chat.screens.pages.people import as_planned, last_plan
from bot.chat.screens.screen import Screen, Sheet
from bot.chat.taps.desk import Desk
from bot.chat.wire.deps import ChatDeps
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.customer import Found
from bot.domain.regional import Whose, book_of
from bot.errors import AnswerLost, BadAnswer, Declined, LedgerClosed, Refused, TryLater
from bot.ports import History, Recalled, Reports
from bot.steps.decide import find_whole


class Past:
    """The book while it has what is asked for, then the history, where there is one."""

    def __init__(
        self, deps: ChatDeps, desk: Desk, history: History | None, reports: Reports | None = None
    ) -> None:
        self._d, self._desk, self._history, self._reports = deps, desk, history, reports

    def knows(self, number: int) -> bool:
        """Whether the case left the book and can be asked for all the same."""
        book = self._d.book
        return self._history is not None and number not in book.cases and book.has_left(number)

    async def customers(self, number: int, card: int | None = None) -> tuple[Case, Found, bool]:
        """A case with who was affected, and whether that is as its plan had it. Raises what a look-up raises.

        `card` is the message that asks: Declined where the case had another one.
        """
        try:
            return await self._present(number)
        except Declined as no:
            if no.code != "case_left":
                raise
        case = (await self.recall(number)).cases[number]
        if card is not None and case.card is not None and case.card.message != card:
            raise Declined("unknown_button")  # forged: that message never had this button
        return case, as_planned(case), True

    async def _present(self, number: int) -> tuple[Case, Found, bool]:
        """The same of one that is in the book: as planned once it is over, or where the source is away."""
        book = self._d.book
        case = find_whole(book, number)
        if case.ended_at is not None and last_plan(case) is not None:
            return case, as_planned(case), True
        try:
            found = await self._desk.details(number)
        except (TryLater, AnswerLost, Refused, BadAnswer):
            if last_plan(case) is None:
                raise
            return find_whole(book, number), as_planned(case), True
        return find_whole(book, number), found, False

    async def known(self, case: Case) -> Found:
        """Whom a case is about, with as much of them as can be had now: at the least what its plan has."""
        try:
            return (await self.customers(case.shown_as))[1]
        except (TryLater, AnswerLost, Refused, BadAnswer, Declined):
            return as_planned(case)

    async def recall(self, number: int) -> Book:
        """A book that has all of the case. Declined where that cannot be."""
        book = self._d.book
        try:
            find_whole(book, number)
        except Declined as no:
            if no.code != "case_left" or self._history is None:
                raise
            return await self._history.case(number)
        return book

    async def month(self, month: str) -> tuple[Screen, Sheet]:
        """The report of a month (`2026-11`), as a page and a document. Declined where it cannot be had."""
        if self._reports is None:
            raise Declined("report_failed")
        with contextlib.suppress(LedgerClosed):
            await self._d.ledger.flush()  # what was written just now is in it, too
        summary, rows = await self._reports.month(month)
        name = self._d.words.plain("report.file", month=month)
        first, *lines = map(escape, summary.splitlines())
        return Screen(str(fit([first], lines, self._d.words, of=len(lines)))), Sheet(name, rows)

    async def audit(self, wanted: str, number: int, whose: Whose) -> Screen:
        """One page of the audit of what is theirs."""
        kept, book = fitting_filter(wanted), book_of(self._d.ledger.book, whose)
        unread: str | None = None
        past: Recalled | None = None
        try:
            past = await self._recalled(kept, number * A_PAGE, A_PAGE, whose)
            if past is not None and past.total and not past.entries:
                past = await self._recalled(kept, (past.total - 1) // A_PAGE * A_PAGE, A_PAGE, whose)
        except Declined as no:  # as far as the book has it, then
            unread = no.code
        now, hours = self._d.clock.now(), self._d.rules.cooldown_hours
        return audit(
            book,
            number,
            kept,
            self._d.words,
            now,
            hours=hours,
            past=past,
            unread=unread,
            unknown=whose.unknown,
        )

    async def entries(self, wanted: str, whose: Whose) -> Recalled:
        """The newest entries of the audit, refused taps, too. Declined where they cannot be read now."""
        kept, book = fitting_filter(wanted), book_of(self._d.ledger.book, whose)
        past = await self._recalled(kept, 0, sheets.ENTRIES, whose, refused=True)
        if past is not None:
            return past
        return sheets.entries_in(book, kept, self._d.words, self._d.clock.now())

    async def _recalled(
        self, kept: str, skip: int, most: int, whose: Whose, *, refused: bool = False
    ) -> Recalled | None:
        """From the whole ledger; None where the book's own entries are all, or are what is asked for."""
        ledger = self._d.ledger
        if self._history is None or ledger.closed is not None or kept.casefold() in TODAY:
            return None
        try:
            await ledger.flush()  # what was written just now is told, too
        except LedgerClosed:
            return None
        newest = int(kept) if is_number(kept) else None
        most = most if newest is None else min(most, max(newest - skip, 0))
        only = None if whose.everything else whose
        wish = wish_of(kept, self._d.words, refused=refused, whose=only)
        past = await self._history.audit(wish, skip, most)
        past.book.reservations = ledger.book.reservations  # what rests now
        return past if newest is None else Recalled(past.book, past.entries, min(past.total, newest))
