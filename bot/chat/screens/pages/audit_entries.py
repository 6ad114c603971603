"""The audit as entries that say what a person asks: when, who, what, which case, what came of it.

What a line has to tell is read by the names of its fields: a new kind needs a phrase and nothing here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.results import reason_words
from bot.chat.screens.pages.silences import where
from bot.chat.screens.words import Words
from bot.domain import events
from bot.domain.book import AuditEntry, Book, Event
from bot.domain.case import Case
from bot.domain.dispatch import Despite, Dispatch
from bot.domain.events import TrialIntent
from bot.domain.incident import Incident, Port
from bot.domain.limits.cooldown import free_at
from bot.domain.limits.holds import NOT_BEGUN
from bot.domain.limits.silence import Scope, squeezed
from bot.domain.plan import Receipt, Tally
from bot.domain.regional import Whose
from bot.domain.who import BOT, Who
from bot.ports import Wish

_DAY = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)|(?P<day2>\d\d?)/(?P<month2>\d\d?)/(?P<year2>\d{4})"
)
TODAY = frozenset({"today", "hoje"})
_BESIDE = events.TapRefused, events.PageOpened
REFUSED = frozenset({"refused", "recusados"})
_TIMES = ("due", "eta", "until")  # when it is to be sent, expected to be over or silent until


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision, refusal or override.

    `code` is what was done (a phrase `entry.<code>`), `detail` its reason. `case` to `frees_at` are None
    where the entry is about no case; `tally` also where nothing was planned. `ended_at` is when the outage
    was over and `ended_why` how, `frees_at` when the port may be sent to again, None where it may now or
    something else holds it. `count` is how many sends in doubt were decided on, None for other entries.
    `came_to` is when the dispatch first ended and its counts then, where `tally` is as of now, and `end` how.
    `ports` is how many the case had. `restores` is the case where the entry is about its second message
    (that service is back), and `number` the number in the ledger. `until` is when it is to be sent, expected
    to be over or silent until; `despite`, `first`, `asked` and `agreed` are as in `events.Approved`.
    `trial` is a test message and `receipt` what is known of it. `own` are the line's own fields by name,
    for phrases that need none of the above.
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
    ports: int = 1
    number: int | None = None
    restores: int | None = None
    despite: tuple[Despite, ...] = ()
    until: datetime | None = None
    first: Who | None = None
    team: str | None = None
    scopes: tuple[Scope, ...] = ()
    asked: int | None = None
    agreed: int | None = None
    trial: TrialIntent | None = None
    receipt: Receipt | None = None
    came_to: tuple[datetime, Tally] | None = None
    end: str | None = None
    own: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_result(self) -> bool:
        """Whether it opens or ends a dispatch: then result, outage and port belong to it."""
        return self.approved_by is not None


def matching(
    book: Book, filter_text: str, words: Words, now: datetime, *, refused: bool = False
) -> Sequence[AuditEntry]:
    """The decisions that a filter lets through, newest first.

    The filter is empty, a number (that many), `today` / `hoje`, `refused` / `recusados`, a day (`2026-03-14`,
    `14/03/2026`), or a part of the OLT's name or port. Refused taps, of which anybody can make any number,
    come only where the filter or `refused` asks for them: it is for documents, which have entries, too, for
    who opened a page, and for the plain end of a dispatch, which is otherwise in that of its approval.
    """
    wanted = filter_text.strip().casefold()
    newest: Sequence[AuditEntry] = book.audit[::-1]
    if book.whole is not book:
        newest = [entry for entry in newest if _is_shown(book, entry)]
    day = _day(wanted, words)
    if wanted in REFUSED:
        return [entry for entry in newest if isinstance(entry.line, events.TapRefused)]
    if not refused:
        newest = [entry for entry in newest if not (isinstance(entry.line, _BESIDE) or _is_done(entry))]
    if is_number(wanted):
        newest = newest[: int(wanted)]
    elif wanted in TODAY:
        newest = [entry for entry in newest if words.is_same_day(entry.at, now)]
    elif day is not None:
        newest = [entry for entry in newest if day[0] <= entry.at < day[1]]
    elif wanted:
        newest = [entry for entry in newest if any(_is_at(wanted, place) for place in _places(book, entry))]
    return newest


def wish_of(filter_text: str, words: Words, *, refused: bool = False, whose: Whose | None = None) -> Wish:
    """The same of what is theirs (None: all), to be asked of the whole ledger: but for a number and for
    today, which are of the newest.
    """
    wanted = filter_text.strip().casefold()
    if wanted in REFUSED:
        return Wish(refused="only", whose=whose)
    also: Literal["also", "no"] = "also" if refused else "no"
    day = _day(wanted, words)
    if day is not None or not wanted or is_number(wanted):
        return Wish(between=day, refused=also, whose=whose)
    return Wish(lambda place: _is_at(wanted, place), refused=also, whose=whose)


def _is_shown(book: Book, entry: AuditEntry) -> bool:
    """Whether the lists of a book have it: what is about no case and no place is everybody's."""
    if entry.case:
        return book.shows(_root(book, entry))
    line = entry.line
    olts = [scope.olt for scope in _scopes(book, line)]
    olts += [line.port.olt] if isinstance(line, events.CooldownReleased) else []
    return not olts or any(map(book.shows_at, olts))


def _day(text: str, words: Words) -> tuple[datetime, datetime] | None:
    """When a day begins and ends where the words are; None for a text that names none."""
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(found[name] or found[f"{name}2"]) for name in ("year", "month", "day"))
    try:
        return words.day(date(year, month, day))
    except (ValueError, OverflowError):
        return None


def _is_done(entry: AuditEntry) -> bool:
    return isinstance(entry.line, events.Settled) and entry.line.end == "done"


def is_number(filter_text: str) -> bool:
    """Whether the filter asks for that many entries."""
    return filter_text.isascii() and filter_text.isdecimal()


def said(entry: Entry, words: Words) -> str:
    """What was done, in words. Not escaped."""
    detail = entry.detail
    if entry.code in {"halted", "unread", "interrupted", "given_up"}:
        detail = reason_words(detail, words)
    facts = {
        **entry.own,
        "reason": detail,
        "alone": entry.who == BOT,
        "why": detail,
        "action": _typed(entry.action, words),
        "n": entry.count,
        "at": entry.at,
        "until": entry.until,
        "despite": entry.despite,
        "first": entry.first,
        "team": entry.team,
        "where": where(entry.scopes),
        "asked": entry.asked,
        "agreed": entry.agreed,
    }
    if entry.trial is not None:
        facts |= {"hsm": entry.trial.hsm, "phone": entry.trial.phone}
        facts["outcome"] = words.plain(f"trial.{entry.receipt.outcome if entry.receipt else 'unknown'}")
        facts["reason"] = reason_words(entry.receipt.reason, words) if entry.receipt else None
    what = words.plain(f"entry.{entry.code}", **facts)
    named = entry.code in {"restored", "on_again"}  # these say by themselves what they are about
    return words.plain("entry.of_restored", what=what) if entry.restores and not named else what


def _typed(action: str | None, words: Words) -> str | None:
    """A command as people type it; a button's action as it is."""
    command = f"menu.{action}"
    return f"/{words.plain(command)}" if words.has(command) and not words.has(f"action.{action}") else action


def said_of(who: Who | None, words: Words) -> str:
    """Who did it; empty where nobody did. Not escaped."""
    if who is None:
        return ""
    return words.plain("entry.automatic") if who == BOT else who.name


def _is_at(wanted: str, place: str) -> bool:
    """Whether the words name the place; without its spaces, too, where they are more than numbers."""
    short = squeezed(wanted)
    return wanted in place or (any(map(str.isalpha, short)) and short in squeezed(place))


def _places(book: Book, entry: AuditEntry) -> list[str]:
    """Where the entry is about, folded: every port that its case has, and those that a line names."""
    line, case = entry.line, _root(book, entry)
    scopes = _scopes(book, line)
    if scopes:
        return [f"{scope.olt} {scope.place}".casefold() for scope in scopes]
    ports: list[Port] = [line.port] if isinstance(line, events.CooldownReleased) else []
    ports += getattr(line, "ports", ())
    ports += [member.incident.port for member in case.members.values()] if case else ()
    return [port.label.casefold() for port in ports]


def _root(book: Book, entry: AuditEntry) -> Case | None:
    """The case that people know it by."""
    case = book.cases.get(entry.case) if entry.case else None
    return book.cases.get(case.shown_as) if case else None


def _scopes(book: Book, line: Event) -> tuple[Scope, ...]:
    silence: int | None = getattr(line, "silence", None)
    known = None if silence is None else book.silences.get(silence)
    return () if known is None else known.scopes


def _port(entry: AuditEntry, root: Case | None) -> Port | None:
    if isinstance(entry.line, events.CooldownReleased):
        return entry.line.port
    return root.incident.port if root else None


def entry_of(book: Book, entry: AuditEntry, now: datetime, hours: float) -> Entry:
    """A decision with what came of it. It counts a whole plan, so ask for what is shown only."""
    line = entry.line
    case = book.cases.get(entry.case) if entry.case else None
    root = _root(book, entry)
    restores = case.restores if case else None
    code, detail = _what(line, restored=restores is not None)
    action = _action(line.action) if isinstance(line, events.TapRefused) else None
    about = book.dispatch_of(entry)
    result = (
        about if isinstance(line, events.Approved | events.Settled) and about and _counts(about) else None
    )
    return Entry(
        entry.at,
        code,
        entry.by,
        detail,
        action,
        root.id if root else entry.case,
        root.incident if root else None,
        _port(entry, root),
        result.by if result else None,
        result.tally() if result else None,
        about.dry_run if about else False,
        root.ended_at if root else None,
        root.ended_why if root else None,
        _held_until(book, case, about, now, hours) if case and about else None,
        len(line.recipients) if hasattr(line, "recipients") else None,
        _ports(line, root),
        entry.case,
        restores,
        getattr(line, "despite", ()),
        next((getattr(line, name) for name in _TIMES if hasattr(line, name)), None),
        getattr(line, "first", None),
        getattr(line, "team", None),
        _scopes(book, line),
        getattr(line, "asked", None),
        getattr(line, "agreed", None),
        line if isinstance(line, TrialIntent) else None,
        book.trials.get(line.trial) if isinstance(line, TrialIntent) else None,
        result.came_to if result else None,
        result.end if result else None,
        {name: getattr(line, name) for name in line.fields()},
    )


def _counts(dispatch: Dispatch) -> bool:
    """One that was taken back came to nothing."""
    return dispatch.end != "cancelled"


def _ports(line: Event, root: Case | None) -> int:
    """How many ports it is about: those claimed, else those that the case has."""
    if root is None or isinstance(line, events.CooldownReleased):
        return 1
    return len(getattr(line, "ports", ())) or len(
        {member.incident.port.key for member in root.members.values()}
    )


def _held_until(book: Book, case: Case, dispatch: Dispatch, now: datetime, hours: float) -> datetime | None:
    """Until when this very dispatch keeps any of its ports; None where it keeps none."""
    if dispatch is not case.dispatch or dispatch.dry_run:
        return None
    held = (book.reservations.get(port.key) for port in (*dispatch.ports, case.incident.port))
    until = [free_at(found, now, hours) for found in held if found and found.case == case.id]
    return max((at for at in until if at is not None), default=None)


def _what(line: Event, *, restored: bool) -> tuple[str, str | None]:
    """The phrase an audited line is told with, and its reason; `restored`: of a case's second message."""
    named = (getattr(line, name) for name in ("reason", "why", "cause") if hasattr(line, name))
    code: str = line.kind
    match line:
        case events.Approved() if restored:
            code = "restored"
        case events.Settled(end="over") if restored:
            code = "on_again"
        case events.Settled(end="unread", reason=reason) if reason in NOT_BEGUN:
            code = "given_up"
        case events.Settled(end=end):
            code = end
        case events.Resumed(by=None):
            code = "resumed_alone"
        case events.Begun(by=None):
            code = "begun_alone"
        case events.Forecast(eta=None):
            code = "forecast_none"
        case events.Resolved(choice=choice):
            code = f"{line.kind}_{choice}"
    return code, next(named, None)


def _action(text: str) -> str:
    """The name of a button's action; what is none (a command) as it was recorded."""
    return Action(text).name.lower() if text in set(Action) else text
