"""What a test needs to look at a screen as Telegram and a person would: a story, a strict reader."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.chat.screens.buttons import BESIDE, Action
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.grouping import explain
from bot.domain.events import Approved, CaseOpened, Intent, Line, Planned, Result
from bot.domain.incident import Incident, Kind, Port
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.rules import Rules
from bot.process.wiring import adapters_words
from bot.simulator.telegram.html import parse, utf16
from tests.fakes import ANA, NOON, incident, port

ZONE = ZoneInfo("America/Sao_Paulo")
PT, EN = (
    Words(language, ZONE, adapters_words(language, "matrix", ("oltcloud",), "ixc"))
    for language in ("pt_BR", "en")
)
LOS = incident("9", affected=33)
APPROVED = Approved(1, ANA, (port(),))
GROUPING = Rules(group_seconds=120, group_power_seconds=300)


def story(*lines: Line, about: Incident = LOS) -> Book:
    """A book with case 1, opened at noon in São Paulo, and one line more every minute."""
    book = Book()
    book.apply(NOON, CaseOpened(1, about))
    for minute, line in enumerate(lines, start=1):
        book.apply(NOON + timedelta(minutes=minute), line)
    return book


def grouped(*lines: Line, about: Sequence[Incident], places: Sequence[str] = ()) -> Book:
    """A book with case 1 of several ports; `places` are all that the first OLT has."""
    inventory = {about[0].port.olt: frozenset(places)} if places else {}
    book = Book()
    book.apply(NOON, CaseOpened(1, about[0], tuple(about[1:]), explain(about, inventory, GROUPING)))
    for minute, line in enumerate(lines, start=1):
        book.apply(NOON + timedelta(minutes=minute), line)
    return book


def pons(
    first: int,
    last: int,
    slot: int = 6,
    *,
    olt: str = "CB 01",
    kind: Kind = Kind.LOS,
    affected: int | None = 20,
) -> list[Incident]:
    """An incident on each of these PONs, each two seconds after the one before; the last a minute ago."""
    return [
        Incident(
            f"{olt} {slot}/{n}",
            kind,
            "pon_loss",
            Port(f"{olt}:{slot}/{n}", olt, f"{slot}/{n}"),
            NOON - timedelta(minutes=1, seconds=2 * (last - n)),
            affected,
            61,
        )
        for n in range(first, last + 1)
    ]


def case_and_now(book: Book) -> tuple[Case, datetime]:
    """Case 1, and a minute after the last line."""
    return book.cases[1], book.last_at + timedelta(minutes=1)


def planned(people: int, *skips: Skip, onus: int = 33, case: int = 1) -> Planned:
    """A plan in which the first people are skipped for those reasons."""
    reasons = [*skips, *[None] * (people - len(skips))]
    recipients = (
        Recipient(str(n), f"Cliente {n}", (f"ZTEG{n:08}",), f"55619{n:08}", skip)
        for n, skip in enumerate(reasons)
    )
    return Planned(case, onus, tuple(recipients))


def sent(
    first: int, last: int, outcome: Outcome = Outcome.ACCEPTED, reason: str | None = None, *, case: int = 1
) -> list[Line]:
    """Intent and result for the recipients `first` to `last`."""
    lines: list[Line] = []
    for number in range(first, last + 1):
        lines += [Intent(case, str(number)), Result(case, str(number), outcome, reason=reason)]
    return lines


def assert_arrives(screen: Screen) -> str:
    """Fail where Telegram would refuse the message or a button; the text as people see it."""
    seen = parse(screen.html)
    assert 0 < utf16(seen.text) <= 4096
    assert len(seen.entities) <= 100
    screen.html.encode()
    assert all(1 <= len(row) <= 8 for row in screen.rows)
    buttons = [button for row in screen.rows for button in row]
    assert len(buttons) <= 100
    for button in buttons:
        assert button.text.strip()
        assert button.data is not None
        assert 1 <= len(button.data.encode()) <= 64
    return seen.text


_BESIDE = {*(tap.action for tap in BESIDE), Action.MORE, Action.LESS}


def deciding(screen: Screen) -> list[str]:
    """The buttons as `labels` has them, but for what may be done beside deciding: the table offers that."""
    rows = [[b for b in row if (b.data or "").partition(":")[0] not in _BESIDE] for row in screen.rows]
    return labels(Screen("", tuple(tuple(row) for row in rows if row)))


def labels(screen: Screen) -> list[str]:
    """The buttons, row by row: `Aprovar/success Negar/danger`."""
    return [" ".join(f"{b.text}/{b.style}" if b.style else b.text for b in row) for row in screen.rows]
