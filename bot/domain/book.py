"""The state: a pure fold over the ledger's lines, each of which says what it changes (`bot.domain.events`).

Cases, cooldown, dispatches and audit come from the same lines, so they can never disagree. Nothing but
`Book.apply` changes a book.
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Literal

from bot.domain.case import Card, Case, restoring_of
from bot.domain.causes.flapping import Spell
from bot.domain.dispatch import Dispatch
from bot.domain.incident import Incident, Port
from bot.domain.limits.cooldown import Contact, Reservation
from bot.domain.limits.silence import Silence
from bot.domain.plan import Receipt
from bot.domain.who import Who

_NEVER = datetime.min.replace(tzinfo=UTC)

Doubt = Literal["views", "future", "backup"]
"""Why a ledger is not trusted: the views are newer than it; it ends later than now; it is a backup."""


class Event:
    """What every kind of line is: a frozen dataclass that says what it changes, and what else goes for it.

    What a kind does not say is as here. None of that is in the file: only a dataclass's fields are.
    """

    __slots__ = ()

    kind: str
    """How the file names it."""
    audited: ClassVar[bool] = False
    """Whether the audit tells of it: decisions, refusals, overrides, dispatches that stopped themselves. What
    the gateway's list proves is not: it is in the counts, and one by one it would bury the decisions."""
    of_a_dispatch: ClassVar[bool] = False
    """Whether it is about the last dispatch of its case."""
    recounts: ClassVar[bool] = False
    """Whether it changes what is told of audited lines before it, or of the cooldown."""
    observed: ClassVar[bool] = False
    """Whether it decides and sends nothing: a closed ledger still takes it into the book, so cards go on."""
    by_the_bot: ClassVar[bool] = True
    """Whether the bot's own process writes it; another's proves nothing of how fresh the ledger is."""

    def apply(self, book: "Book", at: datetime) -> None:
        """Change the book by it, at its time; many kinds change nothing but the audit."""

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """The names of what the file has of it."""
        return tuple(field.name for field in dataclasses.fields(cls))  # type: ignore[arg-type]

    def hears(self) -> bool:
        """Whether it tells that people's taps came through: what was refused may have waited for long."""
        return False

    def ends(self, book: "Book") -> Collection[int]:  # noqa: ARG002
        """The numbers of the cases that it brings to an end, once it was applied."""
        return ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An audited line: when, and the line that says who and what.

    `attempt` is the number of the case's dispatch it is about, 0 where it is about none.
    """

    at: datetime
    line: Event
    attempt: int = 0

    @property
    def case(self) -> int | None:
        """The case it is about, None where it is about none."""
        return getattr(self.line, "case", None)

    @property
    def by(self) -> Who | None:
        """Who did it, None where nobody did."""
        return getattr(self.line, "by", None)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the group was last told of the program's start, and when."""

    at: datetime
    said: str


@dataclass
class Book:
    """Everything that was decided and sent, as of the last line.

    `unconfirmed` is set while nothing may be sent because the program started on a ledger that looks like an
    old copy: the time of the last line before that start; `doubt` says why, where it was not the silence
    before it. `own` is the last line of the bot's own process, written at `own_at`. `settled_at_start` are
    the cases whose dispatch was found by the last start to lack nothing but the line of its end.

    `open` are the cases whose outage is on, `running` those with an unfinished dispatch, `to_restore` those
    that are over and whose customers may be told so; `contacts` is each customer's last one, by phone.
    `spells` is how each port (by key) came and went, `down` the incidents that are on there, `port_cases` its
    newest case. `lasting` are the silences that had not ended when the last one began or was ended: those of
    years are not asked for each port at each poll.
    `trials` are the test messages by their number, None for one that nothing is known of. `heard_at` is when
    the program was last known to hear people's taps, None where it never was: it may run for hours, and start
    anew, while Telegram is away.

    `head` is where the ledger durably ends, `heads` where it stood when a case came to its end: a line's
    number and the first digits of its hash, which storage tells (`stands`). They decide nothing: people see
    them, so that the chat can prove later which ledger this was.

    A field is all of the state, and says its type: storage writes a book down and reads it again by them.
    """

    last_at: datetime = _NEVER
    own_at: datetime = _NEVER
    own: Event | None = None
    unconfirmed: datetime | None = None
    doubt: Doubt | None = None
    cases: dict[int, Case] = field(default_factory=dict)
    by_incident: dict[str, int] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    running: set[int] = field(default_factory=set)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)
    to_restore: dict[int, None] = field(default_factory=dict)  # in the order in which they ended
    left: dict[int, None] = field(default_factory=dict)  # whose sends came to rest, in the order they did
    spells: dict[str, list[Spell]] = field(default_factory=dict)
    down: dict[str, set[str]] = field(default_factory=dict)
    port_cases: dict[str, int] = field(default_factory=dict)
    silences: dict[int, Silence] = field(default_factory=dict)
    lasting: list[Silence] = field(default_factory=list)
    digest: Card | None = None
    head: str | None = None
    heads: dict[int, str] = field(default_factory=dict)
    settled_at_start: list[int] = field(default_factory=list)
    announced: Announcement | None = None
    trials: dict[int, Receipt | None] = field(default_factory=dict)
    heard_at: datetime | None = None
    next_case: int = 1

    def restored_by(self, number: int) -> Case | None:
        """The case that tells the customers of this one that service is back; None where there is none."""
        return self.cases.get(restoring_of(number))

    def silence_of(self, port: Port, now: datetime) -> Silence | None:
        """The silence that a port lies in now, the one that lasts longest; None where it lies in none."""
        active = [s for s in self.lasting if s.until > now and s.covers(port)]
        return max(active, key=lambda silence: silence.until, default=None)

    def silence_over(self, case: Case, now: datetime) -> Silence | None:
        """The silence that all of a case lies in now; None where something of it does not."""
        found = [self.silence_of(port, now) for port in case.ports]
        active = [silence for silence in found if silence is not None]
        if len(active) < len(found):
            return None
        return min(active, key=lambda silence: silence.until, default=None)

    def case_of(self, incident_id: str) -> Case | None:
        """The case an incident belongs to, None where it has none."""
        number = self.by_incident.get(incident_id)
        return None if number is None else self.cases[number]

    def known(self, incident: Incident) -> Case | None:
        """The case that an incident is of; None where it is new, be it under an id that was used before.

        What began after another with its id was over is no news of that one.
        """
        case = self.case_of(incident.id)
        before = None if case is None else case.members[incident.id]
        if before is None or before.ended_at is None:
            return case
        later = incident.start_known and incident.started > max(before.ended_at, before.incident.started)
        return None if later else case

    def chat(self, configured: int) -> int:
        """Where the configured group is now, after every move that Telegram told."""
        while configured in self.moved:
            configured = self.moved[configured]
        return configured

    def dispatch_of(self, entry: AuditEntry) -> Dispatch | None:
        """The dispatch that a decision began, changed or ended."""
        case = self.cases.get(entry.case or 0)
        return case.dispatches[entry.attempt - 1] if case is not None and entry.attempt else None

    def apply(self, at: datetime, line: Event) -> None:
        """Take one line in. `at` never lies before `last_at`."""
        self.last_at = at
        self.take(line)
        if line.by_the_bot:  # the bot itself was silent while another wrote
            self.own_at, self.own = self.last_at, line
        if line.hears():
            self.heard_at = self.last_at

    def take(self, line: Event) -> None:
        """Change the book by a line, now: for the one that is applied, and what it brings about by itself."""
        line.apply(self, self.last_at)
        if line.audited:
            entry = AuditEntry(self.last_at, line)
            if line.of_a_dispatch:
                entry = AuditEntry(entry.at, line, len(self.cases[entry.case or 0].dispatches))
            self.audit.append(entry)

    def stands(self, line: Event, seq: int, digest: str) -> None:
        """A line that was applied is durable, at this place and with this hash."""
        self.head = f"{seq} · {digest[:8]}"
        for number in line.ends(self):
            self.heads[number] = self.head
