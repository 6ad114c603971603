"""The audit as entries that say what a person asks: when, who, what, which case, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.chat.buttons import Action
from bot.chat.results import reason_words
from bot.chat.words import Words
from bot.domain import lines as ln
from bot.domain.audit import AuditEntry
from bot.domain.book import Book
from bot.domain.case import Case, Dispatch
from bot.domain.cooldown import free_at
from bot.domain.incident import Incident, Port
from bot.domain.lines import Who
from bot.domain.plan import Tally

TODAY = frozenset({"today", "hoje"})
REFUSED = frozenset({"refused", "recusados"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision, refusal or override.

    `code` is what was done (a phrase `entry.<code>`), `detail` its reason. `case` to `frees_at` are None
    where the entry is about no case; `tally` also where nothing was planned. `ended_at` is when the outage
    was over and `ended_why` how, `frees_at` when the port may be sent to again, None where it may now or
    something else holds it. `count` is how many sends in doubt were decided on, None for other entries.
    """

    at: datetime
    code: str
    who: Who | None
    detail: str | None = None
    action: str | None = None
    case: int | None = None
    incident: Incident | None = None
    port: Port | None = None
    approved_by: Who | None = None
    tally: Tally | None = None
    dry_run: bool = False
    ended_at: datetime | None = None
    ended_why: str | None = None
    frees_at: datetime | None = None
    count: int | None = None

    @property
    def is_result(self) -> bool:
        """Whether it opens or ends a dispatch: then result, outage and port belong to it."""
        return self.approved_by is not None


def matching(
    book: Book, filter_text: str, words: Words, now: datetime, *, refused: bool = False
) -> Sequence[AuditEntry]:
    """The decisions that a filter lets through, newest first.

    The filter is empty, a number (that many), `today` / `hoje`, `refused` / `recusados`, or a part of the
    OLT's name or port. Refused taps, of which anybody can make any number, come only where the filter or
    `refused` asks for them.
    """
    wanted = filter_text.strip().casefold()
    newest: Sequence[AuditEntry] = book.audit[::-1]
    if wanted in REFUSED:
        return [entry for entry in newest if isinstance(entry.line, ln.TapRefused)]
    if not refused:
        newest = [entry for entry in newest if not isinstance(entry.line, ln.TapRefused)]
    if is_number(wanted):
        newest = newest[: int(wanted)]
    elif wanted in TODAY:
        newest = [entry for entry in newest if words.is_same_day(entry.at, now)]
    elif wanted:
        newest = [entry for entry in newest if wanted in _label(book, entry)]
    return newest


def is_number(filter_text: str) -> bool:
    """Whether the filter asks for that many entries."""
    return filter_text.isascii() and filter_text.isdecimal()


def said(entry: Entry, words: Words) -> str:
    """What was done, in words. Not escaped."""
    detail = entry.detail
    if entry.code in {"halted", "unread", "interrupted"}:
        detail = reason_words(detail, words)
    return words.plain(f"entry.{entry.code}", reason=detail, why=detail, action=entry.action, n=entry.count)


def _label(book: Book, entry: AuditEntry) -> str:
    port = _port(book, entry)
    return port.label.casefold() if port else ""


def _port(book: Book, entry: AuditEntry) -> Port | None:
    if isinstance(entry.line, ln.CooldownReleased):
        return entry.line.port
    case = book.cases.get(entry.case) if entry.case else None
    return case.incident.port if case else None


def told(book: Book, entry: AuditEntry, now: datetime, hours: float) -> Entry:
    """A decision with what came of it. It counts a whole plan, so ask for what is shown only."""
    line = entry.line
    case = book.cases.get(entry.case) if entry.case else None
    code, detail = _what(line)
    action = _action(line.action) if isinstance(line, ln.TapRefused) else None
    about = book.dispatch_of(entry)
    result = about if isinstance(line, ln.Approved | ln.Settled) and about and _counts(about) else None
    return Entry(
        entry.at,
        code,
        entry.by,
        detail,
        action,
        entry.case,
        case.incident if case else None,
        _port(book, entry),
        result.by if result else None,
        result.tally() if result else None,
        about.dry_run if about else False,
        case.ended_at if case else None,
        case.ended_why if case else None,
        _held_until(book, case, about, now, hours) if case and about else None,
        len(line.recipients) if isinstance(line, ln.Resolved | ln.Resent) else None,
    )


def _counts(dispatch: Dispatch) -> bool:
    """One that was taken back came to nothing."""
    return dispatch.end != "cancelled"


def _held_until(book: Book, case: Case, dispatch: Dispatch, now: datetime, hours: float) -> datetime | None:
    """Until when this very dispatch keeps the port; None where it does not."""
    reservation = book.reservations.get(case.incident.port.key)
    own = dispatch is case.dispatch and not dispatch.dry_run
    if not own or reservation is None or reservation.case != case.id:
        return None
    return free_at(reservation, now, hours)


def _what(line: ln.Line) -> tuple[str, str | None]:
    """The phrase an audited line is told with, and its reason."""
    match line:
        case ln.Settled(end=end, reason=reason):
            return end, reason
        case ln.Resumed(by=None):
            return "resumed_alone", None
        case ln.Resolved(choice=choice):
            return f"{line.kind}_{choice}", None
        case ln.TapRefused(why=why):
            return line.kind, why
        case ln.Denied(reason=reason) | ln.CooldownReleased(reason=reason) | ln.Interrupted(reason=reason):
            return line.kind, reason
    return line.kind, None


def _action(text: str) -> str:
    """The name of a button's action; what is none (a command) as it was recorded."""
    return Action(text).name.lower() if text in set(Action) else text
