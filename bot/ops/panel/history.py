"""Every case there ever was: chosen, searched, and given out as a sheet. No customer is in it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

from markupsafe import Markup

from bot.chat.screens.pages.sheets import csv_of
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.figures.case import Decision, Summary
from bot.domain.figures.past import Which
from bot.domain.incident import Kind
from bot.domain.limits.cooldown import free_at
from bot.domain.phone import without_phones
from bot.domain.rules import Rules
from bot.errors import LedgerClosed
from bot.ops.panel.chosen import Chosen, chosen, regions
from bot.ops.panel.pages import GUARDS, ROOT, Templates, Visit
from bot.ops.server import Response
from bot.ports import Chronicle, Ledger

A_PAGE = 50
A_PART = 500  # rows of a sheet that are read at once
_LABELS = 3  # ports of a row
_COLUMNS = ("case", "at", "kind", "olt", "port", "onus", "outage", "what", "who", "decided", "warned")
_MORE = ("delivered", "doubts", "restored", "cause")


class History:
    """The list, and its sheet."""

    def __init__(
        self, chronicle: Chronicle, ledger: Ledger, templates: Templates, rules: Callable[[], Rules]
    ) -> None:
        """`rules` says how long a port rests, and which NOCs there are."""
        self._chronicle, self._ledger, self._templates = chronicle, ledger, templates
        self._rules = rules

    async def draw(self, visit: Visit) -> Markup:
        """A page of it."""
        words = visit.words
        with suppress(LedgerClosed):
            await self._ledger.flush()  # what was written just now is told, too
        rules = self._rules()
        wanted = chosen(visit.query, words.local(visit.now).date(), rules)
        found = await self._chronicle.cases(wanted.which(words), wanted.page * A_PAGE, A_PAGE)
        pages = max(1, -(-found.total // A_PAGE))
        frees = _frees(self._ledger.book, visit.now, rules.cooldown_hours)
        return self._templates.draw(
            "history.html",
            wanted=wanted,
            choices=await self._chronicle.choices(),
            regions=regions(rules),
            kinds=[*Kind],
            decisions=[*Decision],
            rows=[_row(row, frees, words, visit.now) for row in found.rows],
            total=found.total,
            unread=found.unread,
            month=f"{words.local(visit.now):%Y-%m}",
            page=wanted.page + 1,
            pages=pages,
            turn={
                "before": wanted.query(page=wanted.page - 1) if wanted.page else None,
                "next": wanted.query(page=wanted.page + 1) if wanted.page + 1 < pages else None,
            },
            sheet=f"{ROOT}history.csv?{wanted.query()}",
        )

    async def csv(self, visit: Visit) -> Response:
        """All rows that are meant, as they are read."""
        words = visit.words
        wanted = chosen(visit.query, words.local(visit.now).date(), self._rules())
        which = wanted.which(words, visit.now)  # what is opened meanwhile would move the others on
        first = await self._chronicle.cases(which, 0, A_PART)
        parts = self._parts(which, first.rows, words)
        return sheet(words.plain("panel.history_file"), parts)

    async def _parts(
        self, which: Which, rows: Sequence[Summary], words: Words
    ) -> AsyncGenerator[bytes, None]:
        head, skip = [words.plain(f"panel.column_{name}") for name in (*_COLUMNS, *_MORE)], 0
        yield csv_of(head, [_cells(row, words) for row in rows])
        while len(rows) == A_PART:
            skip += A_PART
            rows = (await self._chronicle.cases(which, skip, A_PART)).rows
            if rows:
                cells = [_cells(row, words) for row in rows]
                yield csv_of(cells[0], cells[1:]).removeprefix(b"\xef\xbb\xbf")


def sheet(name: str, parts: AsyncGenerator[bytes, None]) -> Response:
    """A document that a browser keeps."""
    headers = (
        ("Content-Disposition", f'attachment; filename="{name}"'),
        ("Cache-Control", "no-store"),
        *GUARDS,
    )
    return Response(HTTPStatus.OK, b"", "text/csv; charset=utf-8", headers, parts)


def address(wanted: Chosen, page: str) -> str:
    """Where the same cases are shown by another page."""
    return f"{ROOT}{page}?{wanted.query()}"


def _row(row: Summary, frees: dict[int, datetime], words: Words, now: datetime) -> dict[str, object]:
    labels = list(dict.fromkeys(fall.label for fall in row.falls))
    return {
        "case": row,
        "at": words.time(row.opened, now),
        "labels": labels[:_LABELS],
        "more": max(0, len(labels) - _LABELS),
        "ended": None if row.ended is None else words.time(row.ended, now),
        "lasted": (row.ended or now) - row.began,
        "decided": None if row.decided is None else words.time(row.decided, now),
        "waited": None if row.decided is None else row.decided - row.opened,
        "frees": words.time(frees[row.case], now) if row.case in frees else None,
    }


def _frees(book: Book, now: datetime, hours: float) -> dict[int, datetime]:
    """When the last port of each case that is at rest may be sent to again."""
    found: dict[int, datetime] = {}
    for reservation in book.reservations.values():
        until, case = free_at(reservation, now, hours), abs(reservation.case)
        if until is not None:
            found[case] = max(until, found.get(case, until))
    return found


def _cells(row: Summary, words: Words) -> list[str]:
    def stamp(at: datetime | None) -> str:
        return "" if at is None else words.stamp(at)

    def count(n: int | None) -> str:
        return "" if n is None else str(n)

    ports = dict.fromkeys(fall.label for fall in row.falls)
    return [
        str(row.case),
        stamp(row.opened),
        words.plain(f"panel.kind_{row.kind}"),
        ", ".join(dict.fromkeys(fall.olt for fall in row.falls)),
        ", ".join(ports),
        count(row.onus),
        stamp(row.ended),
        words.plain(f"panel.decision_{row.decision}"),
        "" if row.who is None else row.who.name,
        stamp(row.decided),
        count(row.warned),
        count(row.delivered),
        count(row.doubts),
        count(row.restored),
        without_phones(row.cause),
    ]
