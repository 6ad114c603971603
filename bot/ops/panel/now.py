"""What goes on now: each case that is open or being sent, as its card tells it, largest first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.cards.head import about, all_ports, changes, onus, where
from bot.chat.screens.cards.notes import notes, proposed
from bot.chat.screens.cards.places import places
from bot.chat.screens.cards.ports import cooldown
from bot.chat.screens.cards.restored import restored
from bot.chat.screens.cards.sends import decision
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.causes.grouping import dominant
from bot.domain.incident import Kind
from bot.domain.plan import Tally
from bot.domain.rules import Rules
from bot.domain.watched.health import STALE, SourceHealth
from bot.ops.panel.pages import Templates

MIXED = "MIXED"
_AGE = re.compile(r"(<time [^>]*data-since>)[^<]*")
TONES = {
    "waiting": "ask",
    "second": "ask",
    "nobody": "ask",
    "rehearsed": "ask",
    "interrupted": "ask",
    "scheduled": "busy",
    "countdown": "busy",
    "sending": "busy",
    "stopping": "busy",
    "restoring": "busy",
    "sent": "done",
    "over": "done",
    "denied": "off",
    "silenced": "off",
}
"""How each state looks: it asks for a decision, something goes on, it is done, or nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Row:
    """A case as it is shown, and what the head of the page counts of it.

    `onus` is None where nobody says how many; `size` sorts, `region` is whose it is. `on`: its outage is.
    `ageless` is what is shown but for how long it lasts, which browsers count themselves.
    """

    number: int
    kind: str
    tone: str
    onus: int | None
    size: float
    region: str
    on: bool
    html: Markup
    ageless: str


def shown(book: Book) -> set[int]:
    """The numbers of the cases that are on the page: open, or with something of theirs being sent."""
    return {book.cases[number].shown_as for number in book.open | book.running}


def row(
    case: Case, book: Book, now: datetime, templates: Templates, *, rules: Rules, expected: Tally | None
) -> Row:
    """A case as it is now; `expected` is what an approval would come to, where that is known."""
    words = templates.words
    return _drawn(
        case,
        now,
        templates,
        rules,
        standing(case, book, now, rules),
        places=places(case, expected, words),
        about=[*_region(case, words), *about(case, words)],
        notes=[*changes(case, now, words), *notes(case, book, now, words, rules)],
        decision=[
            *decision(case, book, now, words, rules),
            *cooldown(case, book, now, words, rules),
            *_restoring(case, book, now, words, rules),
        ],
    )


def undrawn(case: Case, now: datetime, templates: Templates, *, rules: Rules) -> Row:
    """A case of which no more can be shown than that it is there."""
    why = templates.words.say("notice.undrawn", case=case.id, port=None, kind=None, affected=None)
    return _drawn(
        case, now, templates, rules, case.state.value, places=[], about=[], notes=[why], decision=[]
    )


def _drawn(
    case: Case, now: datetime, templates: Templates, rules: Rules, state: str, **lines: Sequence[Markup]
) -> Row:
    kinds = {incident.kind for incident in case.incidents}
    kind: Kind | None = kinds.pop() if len(kinds) == 1 else dominant(case.incidents, rules)
    (count, estimate), (olt, place) = onus(case), where(case, templates.words)
    html = templates.draw(
        "case.html",
        case=case,
        state=state,
        tone=TONES[state],
        kind=kind or MIXED,
        count=count,
        estimate=estimate,
        at_most=case.at_most,
        olt=olt,
        place=place,
        single=len(all_ports(case)) == 1,
        now=now,
        started=case.started,
        lasted=(case.ended_at or now) - case.started,
        **lines,
    )
    on = case.ended_at is None
    ageless = _AGE.sub(r"\1", html)
    return Row(case.id, kind or MIXED, TONES[state], count, case.size, case.region, on, html, ageless)


def _region(case: Case, words: Words) -> list[Markup]:
    """Whose case it is, where there are several NOCs."""
    return [words.say("panel.region", region=case.region)] if case.region else []


def standing(case: Case, book: Book, now: datetime, rules: Rules) -> str:
    """How it stands, in one word: `panel.state_<word>`."""
    other = book.restored_by(case.id)
    if other is not None and other.running:
        return "restoring"
    if case.ended_at is not None and not case.running:
        return "over"
    if case.undecided and book.silence_over(case, now) is not None:
        return "silenced"
    if case.state is CaseState.WAITING and proposed(case, now, rules) is not None:
        return "second"
    return case.state.value


def _restoring(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """How far the second message is; what came of it names people, who are not for the wall."""
    other = book.restored_by(case.id)
    on = other is not None and other.running
    return restored(case, book, now, words, rules, room=0) if on else []


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Those that are on first, the largest of them first."""
    return sorted(rows, key=lambda row: (not row.on, -row.size, row.number))


def head(
    rows: Sequence[Row],
    book: Book,
    now: datetime,
    templates: Templates,
    *,
    sources: Sequence[SourceHealth],
    stale_after: float,
    dry_run: bool,
    closed: bool,
) -> Markup:
    """The numbers above the cases, how fresh they are, and what is wrong."""
    words, on = templates.words, [row for row in rows if row.on]
    return templates.draw(
        "head.html",
        open=len(on),
        onus=sum(row.onus or 0 for row in on),
        untold=sum(row.onus is None for row in on),
        kinds={kind: sum(row.kind == kind for row in on) for kind in ("LOS", "POWER")},
        asking=sum(row.tone == "ask" for row in rows),
        busy=sum(row.tone == "busy" for row in rows),
        wrong=[
            *([words.say("card.ledger_closed")] if closed else []),
            *([words.say("card.unconfirmed")] if book.unconfirmed is not None and not closed else []),
            *([words.say("card.dry_run_running")] if dry_run else []),
            *(line for health in sources for line in _unwell(health, words, now, stale_after)),
        ],
        read=[line for health in sources for line in _read(health, words)],
    )


def _unwell(health: SourceHealth, words: Words, now: datetime, stale_after: float) -> Iterator[Markup]:
    """Why what is shown may not be what is so: a source that does not say."""
    facts = {"source": health.source, "now": now}
    if health.since is not None:
        bad = {"since": health.since, "failures": health.failures, "error": health.error}
        yield words.say("status.source_bad", **facts, **bad)
    elif health.pushed is None and health.good_at is not None:
        stale = stale_after if health.every is None else STALE * health.every
        if (now - health.good_at).total_seconds() > stale:
            yield words.say("panel.source_stale", **facts, at=health.good_at)
    if health.away:
        yield words.say("status.away", source=health.source, olts=", ".join(health.away))


def _read(health: SourceHealth, words: Words) -> Iterator[Markup]:
    """When it was last read, or told something."""
    at = health.good_at if health.pushed is None else health.pushed.last
    yield words.say("panel.source_read", source=health.source, at=at)
