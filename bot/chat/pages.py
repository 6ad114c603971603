"""What is shown on demand: a case's customers, what waits, the state of things, the help."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from markupsafe import Markup

from bot.chat.buttons import Action, Press
from bot.chat.cooldown_pages import cooling, cooling_row
from bot.chat.fitting import PARAGRAPH, fit, page_buttons
from bot.chat.people import Person, people
from bot.chat.screen import Button, Screen
from bot.chat.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.customer import Found
from bot.domain.incident import Incident
from bot.domain.phone import mask
from bot.domain.plan import Skip
from bot.domain.watch import Watch

T = TypeVar("T")
COMMANDS = ("status", "pendentes", "audit", "cooldown", "help")
_DETAILS_A_PAGE = 10
_STATUS_ROWS = 10
_PENDING = (CaseState.WAITING, CaseState.INTERRUPTED, CaseState.NOBODY)
_NOT_ASKED = {Skip.NO_RECORD: "no_record", Skip.LOOKUP_FAILED: "failed"}


def details(case: Case, found: Found, page: int, words: Words) -> Screen:
    """One page of an alert's ONUs with their customers, phones masked; the nearest page there is."""
    everyone = people(found)
    pages = max(1, -(-len(everyone) // _DETAILS_A_PAGE))
    page = min(max(page, 0), pages - 1)
    port = case.incident.port
    # A customer with two ONUs is one customer; an ONU without one counts for itself.
    customers = {person.client_id or f"onu {n}": person for n, person in enumerate(everyone)}
    missing: Counter[str] = Counter(
        _NOT_ASKED.get(person.problem, "no_phone") for person in customers.values() if person.problem
    )
    head = [
        words.say("details.head", case=case.id, olt=port.olt, place=port.place),
        words.say("details.size", onus=len(everyone), customers=len(customers)),
        words.say(
            "details.missing",
            no_record=missing["no_record"],
            no_phone=missing["no_phone"],
            failed=missing["failed"],
        ),
        words.say("page.of", page=page + 1, pages=pages) if everyone else words.say("details.none"),
    ]
    shown = everyone[page * _DETAILS_A_PAGE :][:_DETAILS_A_PAGE]
    text = fit(
        head,
        (_person(person, words) for person in shown),
        words,
        of=len(shown),
        more="page.more_csv",
        gap=PARAGRAPH,
    )
    csv = Button(words.plain("button.csv"), Press(Action.DETAILS_CSV, case.id).encode())
    turn = page_buttons(page, pages, words, lambda to: Press(Action.DETAILS, case.id, str(to)))
    return Screen(str(text), tuple(row for row in (turn, (csv,)) if row))


def _person(person: Person, words: Words) -> Markup:
    return words.say(
        "details.row",
        link=words.plain(f"link.{person.link}"),
        name=person.name or words.plain("details.no_name"),
        serial=person.serial,
        phone=mask(person.phone) if person.phone else no_phone(person, words),
    )


def no_phone(person: Person, words: Words) -> str:
    """Why somebody has no number that can be messaged; empty where they have one."""
    if person.problem is Skip.NO_RECORD and person.client_id is None:
        return words.plain("details.no_client")
    return words.plain(f"skip.{person.problem}") if person.problem else ""


def pending(book: Book, words: Words, now: datetime) -> Screen:
    """The cards that wait for somebody, oldest first, each with a link to it."""
    numbers = sorted(book.open | book.running)
    cases = [book.cases[number] for number in numbers if book.cases[number].state in _PENDING]
    if not cases:
        return Screen(str(words.say("pending.none")))
    head = [words.say("pending.head", n=len(cases))]
    return Screen(str(fit(head, (_pending_row(case, words, now) for case in cases), words, of=len(cases))))


def _pending_row(case: Case, words: Words, now: datetime) -> Markup:
    return words.say(
        "pending.row",
        what=words.plain(f"pending.{case.state}"),
        kind=words.plain(f"kind.{case.incident.kind}"),
        url=_link(case),
        port=case.incident.port,
        case=case.id,
        started=case.incident.started,
        now=now,
    )


def _link(case: Case) -> str | None:
    """Only messages of supergroups have an address; their ids start with -100."""
    chat = str(case.card.chat) if case.card else ""
    if case.card is None or not chat.startswith("-100"):
        return None
    return f"https://t.me/c/{chat.removeprefix('-100')}/{case.card.message}"


def status(
    watch: Watch,
    book: Book,
    now: datetime,
    words: Words,
    *,
    hours: float,
    version: str,
    started_at: datetime,
    gateway: str,
    dry_run: bool,
    ledger_closed: str | None,
) -> Screen:
    """How things stand; what is broken comes first. `ledger_closed` says why nothing may be sent."""
    waiting = sum(book.cases[number].state in _PENDING for number in book.open | book.running)
    running = sum(book.cases[number].state is not CaseState.INTERRUPTED for number in book.running)
    head = [
        *([words.say("status.ledger_closed", why=ledger_closed)] if ledger_closed else []),
        *_source(watch, words, now),
        words.say("status.cases", open=len(book.open), waiting=waiting, running=running),
        words.say("status.gateway", gateway=gateway, dry_run=dry_run),
        words.say("status.version", version=version, uptime=now - started_at),
    ]
    waits = cooling(book, now, hours)
    items = [
        *_some("status.cooling", waits, lambda wait: cooling_row(*wait, words, now), words),
        *_some(
            "status.skipped", watch.skipped, lambda what: words.say("status.skipped_row", what=what), words
        ),
        *_some("status.unoffered", watch.unoffered, lambda incident: _unoffered(incident, words), words),
    ]
    return Screen(str(fit(head, items, words, of=len(items))))


def _source(watch: Watch, words: Words, now: datetime) -> list[Markup]:
    good = {"source": watch.source, "at": watch.good_at, "now": now}
    age = now - watch.good_at if watch.good_at else None
    if watch.since is None:
        key = "status.source_good" if watch.good_at else "status.source_never"
        login = "status.login_ok" if watch.good_at else "status.login_unknown"
        return [words.say(key, **good, age=age), words.say(login)]
    bad = {"source": watch.source, "since": watch.since, "failures": watch.failures, "error": watch.error}
    last = "status.source_last" if watch.good_at else "status.source_never"
    login = "status.login_refused" if watch.login_refused else "status.login_unknown"
    return [
        words.say("status.source_bad", **bad, now=now),
        words.say(last, **good, age=age),
        words.say(login),
    ]


def _some(title: str, found: Sequence[T], row: Callable[[T], Markup], words: Words) -> list[Markup]:
    """A titled list that leaves room for the others; nothing where there is nothing to list."""
    if not found:
        return []
    left_out = len(found) - _STATUS_ROWS
    more = [words.say("page.more", n=left_out)] if left_out > 0 else []
    return [words.say(title, n=len(found)), *(row(thing) for thing in found[:_STATUS_ROWS]), *more]


def _unoffered(incident: Incident, words: Words) -> Markup:
    return words.say(
        "status.unoffered_row",
        kind=words.plain(f"kind.{incident.kind}"),
        port=incident.port,
        alert_type=incident.alert_type,
        ignored=incident.ignored,
    )


def help_text(words: Words) -> Screen:
    """What the bot does, and its commands."""
    return Screen(str(words.say("help.text", **{name: words.plain(f"command.{name}") for name in COMMANDS})))
