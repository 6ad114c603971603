"""What is shown on demand: a case's customers, what waits, the help."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from bot.chat.screens.attention import size
from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import all_ports, how_many, kind_words, label, where
from bot.chat.screens.cards.results import counts, fate
from bot.chat.screens.fitting import LINE, PARAGRAPH, fit, page_buttons
from bot.chat.screens.pages.people import Person, people
from bot.chat.screens.pages.unreached import list_buttons
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import LANGUAGES, Words, clean, phrases, shorten
from bot.domain import claims
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.customer import Found
from bot.domain.phone import mask
from bot.domain.plan import Skip
from bot.domain.restored import waiting as waiting_for_news
from bot.domain.rules import Rules

COMMANDS = (
    *("status", "pendentes", "turno", "cliente", "audit", "cooldown", "silenciar", "previsao", "causa"),
    *("naoavisar", "avisar", "relatorio", "painel", "recarregar", "help"),
)
_IN_THE_MENU = {phrases(language)[f"menu.{name}"]: name for language in LANGUAGES for name in COMMANDS}
ALIASES = {
    **_IN_THE_MENU,
    **dict.fromkeys(("estado", "situacao"), "status"),
    "pendente": "pendentes",
    **dict.fromkeys(("passagem", "shift"), "turno"),
    **dict.fromkeys(("historico", "history"), "audit"),
    **dict.fromkeys(("portas", "ports", "resting"), "cooldown"),
    **dict.fromkeys(("silencio", "mute"), "silenciar"),
    **dict.fromkeys(("forecast", "prazo"), "previsao"),
    "motivo": "causa",
    **dict.fromkeys(("comandos", "commands"), "help"),
}
"""Every other name of a command: those of all languages are taken in each."""
_DETAILS_A_PAGE = 10
_SAID_AT_MOST = 600  # UTF-16 units of a message's text
_DEFAULTS = Rules()
PENDING = (CaseState.WAITING, CaseState.INTERRUPTED, CaseState.NOBODY, CaseState.REHEARSED)
_NOT_ASKED = {Skip.NO_RECORD: "no_record", Skip.LOOKUP_FAILED: "failed"}


def details(
    case: Case,
    found: Found,
    page: int,
    words: Words,
    *,
    old: datetime | None = None,
    said: Sequence[str] = (),
) -> Screen:
    """One page of the ONUs of a case's alerts with their customers, phones masked; the nearest there is.

    `old`: they are as the plan has them (`people.as_planned`), and it is this time now. `said`: what
    they read.
    """
    everyone = people(found)
    pages = max(1, -(-len(everyone) // _DETAILS_A_PAGE))
    page = min(max(page, 0), pages - 1)
    olt, place = where(case, words)
    # A customer with two ONUs is one customer; an ONU without one counts for itself.
    customers = {person.client_id or f"onu {n}": person for n, person in enumerate(everyone)}
    missing: Counter[str] = Counter(
        _NOT_ASKED.get(person.problem, "no_phone") for person in customers.values() if person.problem
    )
    recorded = len(customers) - missing["no_record"] - missing["failed"]
    size = {"onus": len(everyone), "customers": recorded, "no_record": missing["no_record"]}
    incomplete = {"no_phone": missing["no_phone"], "failed": missing["failed"]}
    head = [
        words.say("details.head", case=case.id, olt=olt, place=place),
        *([words.say("details.old", at=case.opened_at, now=old)] if old is not None else []),
        words.say("details.size", **size),
        *([words.say("details.missing", **incomplete)] if any(incomplete.values()) else []),
        *_sent(case, words),
        *([] if page else [_said(text, words) for text in said]),
        *([words.say("details.unread", n=len(found.unread))] if found.unread else []),
        words.say("page.of", page=page + 1, pages=pages) if everyone else words.say("details.none"),
    ]
    shown = everyone[page * _DETAILS_A_PAGE :][:_DETAILS_A_PAGE]
    text = fit(
        head,
        (_person(person, case, words) for person in shown),
        words,
        of=len(shown),
        more="page.more_csv",
        gap=PARAGRAPH,
    )
    csv = Button(words.plain("button.csv"), Press(Action.DETAILS_CSV, case.id).encode())
    turn = page_buttons(page, pages, words, lambda to: Press(Action.DETAILS, case.id, str(to)))
    return Screen(str(text), tuple(row for row in (turn, list_buttons(case, words), (csv,)) if row))


def _sent(case: Case, words: Words) -> list[Markup]:
    """What came of the sends so far."""
    tally = case.dispatch.tally() if case.dispatch is not None else None
    if case.dispatch is None or tally is None:
        return []
    return [words.say("details.sent", counts=counts(tally, words, dry_run=case.dispatch.dry_run))]


def _said(text: str, words: Words) -> Markup:
    """A message in its lines, cut where a page has no room for more."""
    lines = (escape(clean(line)) for line in shorten(text, _SAID_AT_MOST).splitlines())
    return words.say("details.said", text=LINE.join(line for line in lines if line))


def _person(person: Person, case: Case, words: Words) -> Markup:
    facts = {
        "link": words.plain(f"link.{person.link}"),
        "name": person.name or words.plain("details.no_name"),
        "serial": person.serial,
        "phone": mask(person.phone) if person.phone else no_phone(person, words),
        "fate": fate(case, person.client_id, person.serial, words),
    }
    member = case.members.get(person.incident)
    if member is None or len(all_ports(case)) == 1:
        return words.say("details.row", **facts)
    return words.say("details.row_of_port", **facts, port=member.incident.port)


def no_phone(person: Person, words: Words) -> str:
    """Why somebody has no number that can be messaged; empty where they have one."""
    if person.problem is Skip.NO_RECORD and person.client_id is None:
        return words.plain("details.no_client")
    return words.plain(f"skip.{person.problem}") if person.problem else ""


def pending(
    book: Book, words: Words, now: datetime, *, closed: bool = False, rules: Rules = _DEFAULTS
) -> Screen:
    """The cards that wait for somebody, largest first, each with a link to it; `closed` is the ledger."""
    first = [words.say("card.ledger_closed")] if closed else []
    waiting = [book.cases[number] for number in sorted(book.open | book.running)]
    undecided = {case.shown_as for case in waiting if awaits(case, book, now)}
    doubts = in_doubt(book)
    untold = waiting_for_news(book, now, rules)
    numbers = sorted(
        undecided | doubts.keys() | untold.keys(), key=lambda number: (-size(book.cases[number]), number)
    )
    if not numbers:
        return Screen(str(LINE.join([*first, words.say("pending.none")])))
    head = [*first, words.say("pending.head", n=len(numbers))]
    rows = (
        _pending_row(book.cases[number], book, words, now, doubts=doubts, untold=untold) for number in numbers
    )
    return Screen(str(fit(head, rows, words, of=len(numbers))))


def in_doubt(book: Book) -> dict[int, int]:
    """The cases with sends in doubt that nobody decided on, and how many they are, of both messages."""
    found: Counter[int] = Counter()
    for case, doubts in claims.in_doubt(book):
        found[case.shown_as] += doubts.undecided
    return {number: n for number, n in found.items() if n}


def unconfirmed(book: Book) -> int:
    """How many of those in doubt brought an answer of success that does not say whether they were taken."""
    return sum(doubts.unconfirmed for _, doubts in claims.in_doubt(book))


def to_be_called(book: Book) -> dict[int, int]:
    """The cases with customers whom somebody said they call, and how many they are, of both messages."""
    found: Counter[int] = Counter()
    for case, doubts in claims.in_doubt(book):
        found[case.shown_as] += doubts.calls
    return {number: n for number, n in found.items() if n}


def decisions(case: Case, book: Book, words: Words, now: datetime) -> list[str]:
    """What somebody has to decide about a case."""
    what = [words.plain(f"pending.{case.state}")] if awaits(case, book, now) else []
    if what and case.undecided and case.proposal is not None and case.proposal.waits(now):
        what = [words.plain("pending.second")]
    if what and case.grown is not None:
        what = [words.plain("pending.grown", n=case.grown.customers)]
    other = book.restored_by(case.id)
    if other is not None and other.state is CaseState.INTERRUPTED:
        what.append(words.plain("pending.restored"))
    return what


def _pending_row(
    case: Case,
    book: Book,
    words: Words,
    now: datetime,
    *,
    doubts: Mapping[int, int],
    untold: Mapping[int, int],
) -> Markup:
    what = decisions(case, book, words, now)
    if case.id in untold:
        what.append(words.plain("pending.untold", n=untold[case.id]))
    if case.id in doubts:
        what.append(words.plain("pending.doubts", n=doubts[case.id]))
    return words.say(
        "pending.row",
        what=", ".join(what),
        kind=kind_words(case, words),
        url=link(case),
        port=label(case, words),
        case=case.id,
        affected=how_many(case, words),
        over=case.ended_at is not None,
        seen=not case.start_known,
        lasted=max(now - (case.ended_at or case.started), timedelta()),
        owner=case.owner,
    )


def awaits(case: Case, book: Book, now: datetime) -> bool:
    """Whether somebody has to decide: not on what lies in planned work, which takes no decision."""
    silent = case.undecided and book.silence_over(case, now) is not None
    return case.state in PENDING and not silent and (case.id in book.open or case.id in book.running)


def link(case: Case) -> str | None:
    """The address of the case's card; only in supergroups, whose ids start with -100, there is one."""
    chat = str(case.card.chat) if case.card else ""
    if case.card is None or not chat.startswith("-100"):
        return None
    return f"https://t.me/c/{chat.removeprefix('-100')}/{case.card.message}"


def help_text(words: Words) -> Screen:
    """What the bot does, and its commands."""
    return Screen(str(words.say("help.text", **{name: words.plain(f"command.{name}") for name in COMMANDS})))
