"""/turno: what one shift tells the next, in one message; what somebody has to see to comes first."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from bot.chat.screens.attention import size
from bot.chat.screens.cards.head import how_many, kind_words, label
from bot.chat.screens.charts.day import line_of_day
from bot.chat.screens.fitting import Section, fit_sections
from bot.chat.screens.pages import silences
from bot.chat.screens.pages.on_demand import awaits, decisions, link
from bot.chat.screens.pages.status import not_confirmed, of_cases, open_ends
from bot.chat.screens.reasons import why_closed
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.rules import Rules
from bot.domain.shift.lately import Before

SOON = timedelta(hours=12)
"""A silence that ends within so long is told of: a shift."""
OFTEN = 2  # falls, from which on a port is among those that fell most
_WAITING, _OPEN, _SILENCES, _FALLEN = 12, 8, 5, 5  # rows at most: it is read on a phone
STATES = {
    CaseState.DENIED: "denied",
    CaseState.SCHEDULED: "scheduled",
    CaseState.COUNTDOWN: "sending",
    CaseState.SENDING: "sending",
    CaseState.STOPPING: "sending",
    CaseState.SENT: "sent",
}
SILENT = "silent"


def handover(
    book: Book,
    now: datetime,
    words: Words,
    *,
    before: Before,
    rules: Rules,
    closed: str | None = None,
) -> Screen:
    """How things stand for whoever comes on duty, and what happened `before`.

    `closed` says why the ledger takes nothing.
    """
    waiting, others = _open(book, now)
    ends = open_ends(book, words, now, rules)
    if before.undelivered:
        ends.append(of_cases("handover.undelivered", before.undelivered, book, words))
    head = [
        words.say("handover.head", at=now),
        *([words.say("status.ledger_closed", why=why_closed(closed, words))] if closed else []),
        *([] if closed else not_confirmed(book, words, now)),
        *([] if waiting or others or ends else [words.say("handover.quiet")]),
    ]
    told = [
        _waiting(waiting, book, words, now),
        _section(ends[:1], iter(ends[1:]), len(ends) - 1),
        _others(others, words, now),
        _silences(book, words, now),
        _section([line_of_day(before.day, words)], (), 0),
        _fallen(before, words, now),
    ]
    there = [section for section in told if section is not None]
    return Screen(str(fit_sections(head, there, words, more="handover.more")))


def _open(book: Book, now: datetime) -> tuple[list[Case], list[Case]]:
    """The cases that wait for a decision, and the others that are on, the largest first."""
    found = {book.cases[number].shown_as for number in book.open | book.running}
    there = sorted((book.cases[number] for number in found), key=lambda case: (-size(case), case.id))
    waiting = {
        book.cases[number].shown_as
        for number in book.open | book.running
        if awaits(book.cases[number], book, now)
    }
    others = [case for case in there if case.id not in waiting and case.ended_at is None]
    return [case for case in there if case.id in waiting], others


def _section(title: Sequence[Markup], rows: Iterable[Markup], of: int, most: int = 3) -> Section | None:
    return Section(title[0], rows, of, most) if title else None


def _waiting(waiting: Sequence[Case], book: Book, words: Words, now: datetime) -> Section | None:
    """Where it is but the first decision that is missing, the title says so."""
    only = [words.plain("pending.waiting")]
    whats = ((case, decisions(case, book, words, now)) for case in waiting)
    rows = (
        _row(case, words, now, "" if what == only else ", ".join(what), waits=True) for case, what in whats
    )
    title = [words.say("handover.waiting", n=len(waiting))] if waiting else []
    return _section(title, rows, len(waiting), _WAITING)


def _others(others: Sequence[Case], words: Words, now: datetime) -> Section | None:
    states = ((case, STATES.get(case.state, SILENT)) for case in others)
    rows = (_row(case, words, now, words.plain(f"handover.{state}")) for case, state in states)
    return _section([words.say("handover.open", n=len(others))] if others else [], rows, len(others), _OPEN)


def _row(case: Case, words: Words, now: datetime, state: str, *, waits: bool = False) -> Markup:
    return words.say(
        "handover.row",
        kind=kind_words(case, words),
        url=link(case),
        port=label(case, words),
        case=case.id,
        affected=how_many(case, words),
        seen=not case.start_known,
        lasted=max(now - case.started, timedelta()),
        state=state,
        owner=case.owner,
        waits=waits,
        eta=case.eta,
        now=now,
    )


def _silences(book: Book, words: Words, now: datetime) -> Section | None:
    ending = [silence for silence in silences.active(book, now) if silence.until - now <= SOON]
    title = (
        [words.say("handover.silences", n=len(ending), hours=SOON // timedelta(hours=1))] if ending else []
    )
    return _section(title, (silences.row(one, words, now) for one in ending), len(ending), _SILENCES)


def _fallen(before: Before, words: Words, now: datetime) -> Section | None:
    often = [(port, n) for port, n in before.fallen if n >= OFTEN]
    title = [words.say("handover.most", since=before.since, now=now)] if often else []
    rows = (words.say("handover.fallen", port=port, n=n) for port, n in often)
    return _section(title, rows, len(often), _FALLEN)
