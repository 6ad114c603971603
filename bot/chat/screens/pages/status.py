"""/status: how things stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from markupsafe import Markup

from bot.chat.screens.charts.day import line_of_day
from bot.chat.screens.fitting import fit
from bot.chat.screens.odd_rows import odd_row
from bot.chat.screens.pages import silences
from bot.chat.screens.pages.confirming import confirm_rows
from bot.chat.screens.pages.cooldown import resting_cases, resting_row
from bot.chat.screens.pages.on_demand import awaits, in_doubt, link, to_be_called, unconfirmed
from bot.chat.screens.posting import POSTING, Posting
from bot.chat.screens.reasons import why_closed
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.dispatch import Phase
from bot.domain.figures.day import Day
from bot.domain.incident import Incident
from bot.domain.limits.account import limit_today
from bot.domain.limits.daily import counted
from bot.domain.restored import waiting as waiting_for_news
from bot.domain.rules import Rules
from bot.domain.watched.health import STALE, AnswerHealth, SourceHealth

T = TypeVar("T")
_DEFAULTS = Rules()
_ROWS = 10
_AT_REST = {CaseState.INTERRUPTED, CaseState.SCHEDULED}


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """What /status tells of the program itself.

    `login` is how the last login at the source went; a reading older than `stale_after` seconds is not good.
    """

    version: str
    started_at: datetime
    gateway: str
    dry_run: bool
    login: Literal["never", "ok", "refused"] = "never"
    posting: Posting = POSTING
    stale_after: float = 90.0


def status(
    sources: Sequence[SourceHealth],
    book: Book,
    now: datetime,
    words: Words,
    *,
    hours: float,
    program: ProgramFacts,
    gateway: AnswerHealth,
    ledger_closed: str | None,
    directory: AnswerHealth | None = None,
    may_decide: bool = False,
    rules: Rules = _DEFAULTS,
    day: Day | None = None,
) -> Screen:
    """How things stand; what is broken comes first. `ledger_closed` says why nothing may be sent.

    `may_decide` shows who may do that the buttons that confirm a ledger that looks old and end a silence.
    """
    waiting = sum(awaits(book.cases[number], book, now) for number in book.open | book.running)
    running = sum(book.cases[number].state not in _AT_REST for number in book.running)
    head = [
        *(
            [words.say("status.ledger_closed", why=why_closed(ledger_closed, words))]
            if ledger_closed  # to confirm what it may be would open nothing
            else not_confirmed(book, words, now, may_confirm=may_decide)
        ),
        *_posting(program.posting, words, now),
        *(line for health in sources for line in _source(health, words, now, program.stale_after)),
        *_login(sources, program, words),
        *([] if directory is None else [_directory(directory, words, now)]),
        words.say("status.cases", open=len(book.open), waiting=waiting, running=running),
        *([] if day is None else [line_of_day(day, words)]),
        *_ahead(book, words, now),
        *open_ends(book, words, now, rules),
        *_limit(book, words, now, rules),
        *([words.say("status.opted_out", n=len(book.opted_out))] if book.opted_out else []),
        _gateway(gateway, program, words, now),
        words.say("status.version", version=program.version, uptime=now - program.started_at),
    ]
    waits = resting_cases(book, now, hours)
    resting = sum(len(ports) for _, _, ports in waits)
    skipped = [row for health in sources for row in health.skipped]
    unoffered = [one for health in sources for one in health.unoffered if book.shows_at(one.port.olt)]
    items = [
        *_some("status.silences", silences.active(book, now), lambda s: silences.row(s, words, now), words),
        *_some("status.cooling", waits, lambda wait: resting_row(*wait, words, now), words, n=resting),
        *_some("status.skipped", skipped, lambda row: odd_row(row, words), words),
        *_some("status.unoffered", unoffered, lambda i: _unoffered(i, book, words, now), words),
    ]
    may = may_decide and not ledger_closed
    confirm = confirm_rows(words) if may and book.unconfirmed is not None else ()
    end = silences.end_rows(book, now, words) if may else ()
    return Screen(str(fit(head, items, words, of=len(items))), (*confirm, *end))


def not_confirmed(book: Book, words: Words, now: datetime, *, may_confirm: bool = False) -> list[Markup]:
    """That the ledger looks like an old copy, where it does."""
    if book.unconfirmed is None:
        return []
    facts = {"since": book.unconfirmed, "doubt": book.doubt, "now": now}
    return [words.say("status.unconfirmed", **facts, here=may_confirm)]


def _posting(posting: Posting, words: Words, now: datetime) -> list[Markup]:
    """What keeps posts out of the group, or out of its topic."""
    mute = posting.mute
    if mute is not None:
        return [words.say("status.mute", why=mute.why, since=mute.since, now=now)]
    return [words.say("status.topic_lost")] if posting.topic_lost else []


def _ahead(book: Book, words: Words, now: datetime) -> list[Markup]:
    """What is to be sent later, and what waits for a second person."""
    lines = []
    dispatches = (book.cases[number].dispatches[-1] for number in book.running)
    due = [d.due for d in dispatches if d.phase is Phase.SCHEDULED and d.due is not None]
    if due:
        lines.append(words.say("status.scheduled", n=len(due), until=min(due), now=now))
    proposals = (book.cases[number].proposal for number in book.open)
    waiting = sum(proposal is not None and proposal.waits(now) for proposal in proposals)
    return [*lines, words.say("status.proposals", n=waiting)] if waiting else lines


def open_ends(book: Book, words: Words, now: datetime, rules: Rules) -> list[Markup]:
    """What waits for a decision; and, with less noise, what somebody took upon themselves: calls are no
    card that waits, so they stand here and not in /pendentes.
    """
    ends = {
        "status.untold": waiting_for_news(book, now, rules),
        "status.doubts": in_doubt(book),
        "status.calls": to_be_called(book),
    }
    unread = unconfirmed(book)
    return [of_cases(key, found, book, words, unread) for key, found in ends.items() if found]


def _limit(book: Book, words: Words, now: datetime, rules: Rules) -> list[Markup]:
    """How many people were written to today, where there is a limit."""
    limit = limit_today(book, rules)
    return [] if limit is None else [words.say("status.limit", n=counted(book.written, now), limit=limit)]


def of_cases(key: str, found: Mapping[int, int], book: Book, words: Words, unread: int = 0) -> Markup:
    """A line that counts something, with the cases where it is, linked."""
    shown = sorted({book.cases[number].shown_as for number in found})
    cases = [book.cases[number] for number in shown[:_ROWS]]
    linked = Markup(", ").join(words.say("status.case", url=link(case), case=case.id) for case in cases)
    facts = {"n": sum(found.values()), "unconfirmed": unread, "of": len(shown), "more": len(shown) > _ROWS}
    return words.say(key, cases=linked, **facts)


def _source(health: SourceHealth, words: Words, now: datetime, stale_after: float) -> list[Markup]:
    good = {"source": health.source, "at": health.good_at, "now": now}
    age = now - health.good_at if health.good_at else None
    stale_after = stale_after if health.every is None else STALE * health.every
    if health.since is None and health.pushed is not None:
        at = health.pushed.last
        ago = None if at is None else now - at
        return [words.say("status.source_pushed", source=health.source, at=at, age=ago, now=now)]
    if health.since is None:
        stale = age is not None and age.total_seconds() > stale_after
        key = "status.source_stale" if stale else "status.source_good"
        key = key if health.good_at else "status.source_never"
        return [words.say(key, **good, age=age), *_away(health, words), *_unlisted(health, words)]
    bad = {"source": health.source, "since": health.since, "failures": health.failures, "error": health.error}
    last = "status.source_last" if health.good_at else "status.source_never"
    return [words.say("status.source_bad", **bad, now=now), words.say(last, **good, age=age)]


def _away(health: SourceHealth, words: Words) -> list[Markup]:
    olts = ", ".join(health.away)
    return [words.say("status.away", source=health.source, olts=olts)] if olts else []


def _unlisted(health: SourceHealth, words: Words) -> list[Markup]:
    return [words.say("status.unlisted", n=health.unlisted)] if health.unlisted else []


def _login(sources: Sequence[SourceHealth], program: ProgramFacts, words: Words) -> list[Markup]:
    refused = [health.source for health in sources if health.login_refused]
    if all(health.pushed is not None for health in sources):
        return []  # it logs in nowhere
    if not refused and program.login == "refused":
        refused = [sources[0].source]
    if refused:
        return [words.say("status.login_refused", source=source) for source in refused]
    known = program.login == "ok" or all(health.good_at is not None for health in sources)
    return [words.say("status.login_ok" if known else "status.login_unknown")]


def _directory(health: AnswerHealth, words: Words, now: datetime) -> Markup:
    facts = {"directory": health.name, "at": health.good_at, "now": now}
    if health.since is None:
        return words.say("status.directory", **facts)
    return words.say("status.directory_bad", **facts, since=health.since, error=health.error)


def _gateway(health: AnswerHealth, program: ProgramFacts, words: Words, now: datetime) -> Markup:
    facts = {"gateway": program.gateway, "dry_run": program.dry_run, "now": now}
    if health.since is not None:
        return words.say("status.gateway_bad", **facts, since=health.since, error=health.error)
    return words.say("status.gateway", **facts, at=health.good_at)


def _some(
    title: str, found: Sequence[T], row: Callable[[T], Markup], words: Words, n: int | None = None
) -> list[Markup]:
    """A titled list that leaves room for the others; nothing where there is nothing to list.

    `n` is what the title counts, where that is not the rows.
    """
    if not found:
        return []
    left_out = len(found) - _ROWS
    more = [words.say("page.more", n=left_out)] if left_out > 0 else []
    return [
        words.say(title, n=len(found) if n is None else n),
        *(row(thing) for thing in found[:_ROWS]),
        *more,
    ]


def _unoffered(incident: Incident, book: Book, words: Words, now: datetime) -> Markup:
    silence = book.silence_of(incident.port, now)
    return words.say(
        "status.unoffered_row",
        kind=words.plain(f"kind.{incident.kind}"),
        port=incident.port,
        alert_type=incident.alert_type,
        ignored=incident.ignored,
        stale=incident.stale,
        until=silence.until if silence else None,
        now=now,
    )
