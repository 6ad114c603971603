"""What is shown on demand: a case's customers, what waits, the help."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from bot.chat.buttons import Action, Press
from bot.chat.fitting import LINE, PARAGRAPH, fit, page_buttons
from bot.chat.people import Person, people
from bot.chat.results import to_call
from bot.chat.screen import Button, Screen
from bot.chat.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.customer import Found
from bot.domain.phone import mask
from bot.domain.plan import Skip

COMMANDS = ("status", "pendentes", "audit", "cooldown", "silenciar", "previsao", "causa", "help")
_DETAILS_A_PAGE = 10
PENDING = (CaseState.WAITING, CaseState.INTERRUPTED, CaseState.NOBODY, CaseState.REHEARSED)
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


def pending(book: Book, words: Words, now: datetime, *, closed: bool = False) -> Screen:
    """The cards that wait for somebody, oldest first, each with a link to it; `closed` is the ledger."""
    first = [words.say("card.ledger_closed")] if closed else []
    undecided = {number for number in book.open | book.running if book.cases[number].state in PENDING}
    doubts = in_doubt(book)
    cases = [book.cases[number] for number in sorted(undecided | doubts.keys())]
    if not cases:
        return Screen(str(LINE.join([*first, words.say("pending.none")])))
    head = [*first, words.say("pending.head", n=len(cases))]
    rows = (_pending_row(case, doubts, words, now) for case in cases)
    return Screen(str(fit(head, rows, words, of=len(cases))))


def in_doubt(book: Book) -> dict[int, int]:
    """The cases with sends in doubt that nobody decided on, and how many they are."""
    dispatches = {case.id: case.dispatch for case in book.cases.values()}
    found = {number: len(dispatch.in_doubt()) for number, dispatch in dispatches.items() if dispatch}
    return {number: n for number, n in found.items() if n}


def to_be_called(book: Book) -> dict[int, int]:
    """The cases with customers whom somebody said they call, and how many they are."""
    plans = {number: case.dispatch.progress for number, case in book.cases.items() if case.dispatch}
    found = {number: len(to_call(plan)) for number, plan in plans.items() if plan and plan.calls}
    return {number: n for number, n in found.items() if n}


def _pending_row(case: Case, doubts: Mapping[int, int], words: Words, now: datetime) -> Markup:
    what = [words.plain(f"pending.{case.state}")] if case.state in PENDING else []
    if case.id in doubts:
        what.append(words.plain("pending.doubts", n=doubts[case.id]))
    return words.say(
        "pending.row",
        what=", ".join(what),
        kind=words.plain(f"kind.{case.incident.kind}"),
        url=link(case),
        port=case.incident.port,
        case=case.id,
        started=case.incident.started,
        now=now,
    )


def link(case: Case) -> str | None:
    """The address of the case's card; only in supergroups, whose ids start with -100, there is one."""
    chat = str(case.card.chat) if case.card else ""
    if case.card is None or not chat.startswith("-100"):
        return None
    return f"https://t.me/c/{chat.removeprefix('-100')}/{case.card.message}"


def help_text(words: Words) -> Screen:
    """What the bot does, and its commands."""
    return Screen(str(words.say("help.text", **{name: words.plain(f"command.{name}") for name in COMMANDS})))
