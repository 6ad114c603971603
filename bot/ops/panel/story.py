"""One case's whole story: its ports, what was decided, and what became of the message to each customer.

Names and phones are masked; who opens them is written into the ledger before they are shown.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from bot.chat.screens.cards.head import label
from bot.chat.screens.cards.results import counts_plain, fate_of
from bot.chat.screens.pages.audit_entries import entry_of, said, said_of
from bot.chat.screens.pages.sheets import csv_of
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.figures.case import summary
from bot.domain.phone import mask, without_phones
from bot.domain.plan import Recipient
from bot.errors import Declined, LedgerClosed
from bot.ops.panel.chosen import number
from bot.ops.panel.history import sheet
from bot.ops.panel.pages import ROOT, Templates, Visit
from bot.ops.server import Response
from bot.ports import History, Ledger

A_PAGE = 100  # people
_PHONE = 13  # digits of one with its country code


class Step(NamedTuple):
    """Something that was decided or done."""

    at: str
    who: str
    what: str
    result: str


class Person(NamedTuple):
    """A customer in a dispatch."""

    attempt: str
    name: str
    phone: str
    serial: str
    at: str
    fate: str


class Story:
    """The page of a case, and its sheet."""

    def __init__(
        self, history: History, ledger: Ledger, templates: Templates, hours: Callable[[], float]
    ) -> None:
        """`hours` says how long a port rests."""
        self._history, self._ledger, self._templates = history, ledger, templates
        self._hours = hours

    async def draw(self, visit: Visit) -> Markup | Response:
        """The page. Declined where it cannot be read now."""
        found = await self._read(visit)
        if found is None:
            return self._templates.notice(HTTPStatus.NOT_FOUND, "nothing")
        book, case = found
        full = visit.query.get("people") == "1"
        if full:
            await visit.opened(case.id)
        when = partial(visit.words.time, now=visit.now)
        people = list(_people(book, case, visit.words, full=full, when=when))
        pages = max(1, -(-len(people) // A_PAGE))
        page = min(number(visit.query.get("page")) or 0, pages - 1)
        region = f"&{urlencode({'region': visit.query['region']})}" if "region" in visit.query else ""
        place = f"{ROOT}case?n={case.id}{region}"
        opened = "&people=1" if full else ""
        return self._templates.draw(
            "story.html",
            case=case,
            row=summary(case, book.restored_by(case.id)),
            label=label(case, visit.words),
            steps=list(self._steps(book, case, visit)),
            people=people[page * A_PAGE :][:A_PAGE],
            planned=len(people),
            full=full,
            page=page + 1,
            pages=pages,
            before=f"{place}&page={page - 1}{opened}" if page else None,
            next=f"{place}&page={page + 1}{opened}" if page + 1 < pages else None,
            open=f"{place}&people=1",
            close=place,
            sheet=f"{ROOT}case.csv?n={case.id}",
            now=visit.now,
        )

    async def csv(self, visit: Visit) -> Response:
        """Everybody in it, with names and phones."""
        found = await self._read(visit)
        if found is None:
            return self._templates.notice(HTTPStatus.NOT_FOUND, "nothing")
        book, case = found
        await visit.opened(case.id)
        words = visit.words
        columns = ("attempt", "name", "phone", "serial", "at", "fate")
        head = [words.plain(f"panel.column_{name}") for name in columns]

        async def parts() -> AsyncGenerator[bytes, None]:
            yield csv_of(head, _people(book, case, words, full=True, when=words.stamp))

        return sheet(words.plain("sheet.details_file", case=case.id), parts())

    async def _read(self, visit: Visit) -> tuple[Book, Case] | None:
        """None where there is no such case."""
        wanted = number(visit.query.get("n"))
        with suppress(LedgerClosed):
            await self._ledger.flush()
        try:
            book = await self._history.case(wanted or 0)
        except Declined as no:
            if no.code != "unknown_case":
                raise
            return None
        return book, book.cases[wanted or 0]

    def _steps(self, book: Book, case: Case, visit: Visit) -> Iterator[Step]:
        """Oldest first; what was refused, too."""
        words, now = visit.words, visit.now
        for one in book.audit:
            if abs(one.case or 0) == case.id:
                entry = entry_of(book, one, now, self._hours())
                tally = entry.tally
                result = "" if tally is None else counts_plain(tally, words, dry_run=entry.dry_run)
                yield Step(words.time(entry.at, now), said_of(entry.who, words), said(entry, words), result)


def _people(
    book: Book, case: Case, words: Words, *, full: bool, when: Callable[[datetime], str]
) -> Iterator[Person]:
    """Each customer of each dispatch, in the order of the plans."""
    other = book.restored_by(case.id)
    for about, told in (("outage", case), ("back", other)):
        for dispatch in [] if told is None else told.dispatches:
            if dispatch.progress is not None:
                attempt = words.plain(f"panel.about_{about}", n=dispatch.attempt)
                for one in dispatch.progress.recipients.values():
                    yield _person(attempt, dispatch, one, words, full=full, when=when)


def _person(
    attempt: str,
    dispatch: Dispatch,
    one: Recipient,
    words: Words,
    *,
    full: bool,
    when: Callable[[datetime], str],
) -> Person:
    name = one.name if full else _initials(one.name)
    phone, serial = one.phone or "", ", ".join(one.serials)
    if not full:
        phone = mask(phone) if len(phone) == _PHONE else "****" if phone else ""
        serial = f"…{serial[-4:]}" if serial else ""
    at: datetime | None = dispatch.sends.intents.get(one.id)
    sent = "" if at is None else when(at)
    fate = fate_of(dispatch, one, words)  # a gateway's reason may hold the number
    return Person(attempt, name, phone, serial, sent, fate if full else without_phones(fate))


def _initials(name: str) -> str:
    return " ".join(f"{part[0]}." for part in name.split()[:2])
