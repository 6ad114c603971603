"""The state: a pure fold over the ledger's lines, each of which says what it changes (`bot.domain.events`).

Cases, cooldown, dispatches and audit come from the same lines, so they can never disagree. Nothing but
`Book.apply` changes a book.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from bot.domain import leaving
from bot.domain.case import Card, Case, restoring_of
from bot.domain.causes.falls import REMEMBERED, Fall
from bot.domain.causes.flapping import Spell
from bot.domain.dispatch import Dispatch
from bot.domain.incident import Incident, Port
from bot.domain.limits.cooldown import Contact, Reservation
from bot.domain.limits.opted_out import OptOut
from bot.domain.limits.silence import Silence
from bot.domain.limits.templates import Judged
from bot.domain.plan import Doubts, Receipt
from bot.domain.who import Who

_NEVER = datetime.min.replace(tzinfo=UTC)
_DAY = timedelta(days=1)

Doubt = Literal["views", "future", "backup", "database"]
"""Why a ledger is not trusted: the views are newer than it; it ends later than now; it is a backup; it is in
another database than before."""


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
    late: ClassVar[bool] = False
    """Whether it may be about a case that left the book: then it changes nothing but the audit. It claims and
    sends nothing: of what does, none may be passed over."""
    of_a_send: ClassVar[bool] = False
    """Whether it is about what became of sends."""

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
    that are over and whose customers may be told so; `contacts` is each customer's last one, by what they
    are called (`Recipient.person`), and `opted_out` those who asked for no messages: they never leave.
    `spells` is how each port (by key) came and went, `falls` are its outages of the last weeks, `down` the
    incidents that are on there, `port_cases` its newest case. `lasting` are the silences that had not ended
    when the last one began or was ended: those of years are not asked for each port at each poll.
    `handed_over` is the time of the last handover that was posted by itself and `announced` what was last
    told of a start, by region (empty: the group of all others); `digests` are the lists, by group.
    `trials` are the test messages by their number, None for one that nothing is known of. `heard_at` is when
    the program was last known to hear people's taps, None where it never was: it may run for hours, and start
    anew, while Telegram is away.

    It holds what can still matter (`bot.domain.leaving`). `days` is when each of the last days on record
    began, `touched` when the last line about a case was written (or it was last found that it may not go),
    oldest first, `entries` how many of the audit are about it; a second message counts as its case.
    `doubtful` are those with sends in doubt, counted when nothing is being sent (`claims.in_doubt`), `olts`
    the names of OLTs that were seen, `cards` the case of each message that is a card, by its key.
    `reservations`, `contacts`, `spells` and `falls` stand in the order in which they were made.

    `key` is the id of the secret by which people are called what they are. `templates` are those (by
    `Message.template`) with which the platform said that something is wrong.
    `written` is when each person was written to within the last day, or may have been; `daily_limit` how many
    of them the platform allows.

    `head` is where the ledger durably ends, `heads` where it stood when a case came to its end: a line's
    number and the first digits of its hash, which storage tells (`stands`). They decide nothing: people see
    them, so that the chat can prove later which ledger this was.

    A field is all of the state, and says its type: storage writes a book down and reads it again by them.
    """

    forgets: ClassVar[bool] = True

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
    opted_out: dict[str, OptOut] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)
    to_restore: dict[int, None] = field(default_factory=dict)  # in the order in which they ended
    left: dict[int, None] = field(default_factory=dict)  # whose sends came to rest, in the order they did
    spells: dict[str, list[Spell]] = field(default_factory=dict)
    falls: dict[str, list[Fall]] = field(default_factory=dict)
    down: dict[str, set[str]] = field(default_factory=dict)
    port_cases: dict[str, int] = field(default_factory=dict)
    silences: dict[int, Silence] = field(default_factory=dict)
    lasting: list[Silence] = field(default_factory=list)
    digests: dict[int, Card] = field(default_factory=dict)
    key: str | None = None
    head: str | None = None
    heads: dict[int, str] = field(default_factory=dict)
    settled_at_start: list[int] = field(default_factory=list)
    announced: dict[str, Announcement] = field(default_factory=dict)
    handed_over: dict[str, datetime] = field(default_factory=dict)
    trials: dict[int, Receipt | None] = field(default_factory=dict)
    heard_at: datetime | None = None
    next_case: int = 1
    next_silence: int = 1
    next_trial: int = 1
    days: list[datetime] = field(default_factory=list)
    touched: dict[int, datetime] = field(default_factory=dict)
    entries: dict[int, int] = field(default_factory=dict)
    doubtful: dict[int, Doubts] = field(default_factory=dict)
    olts: dict[str, None] = field(default_factory=dict)
    cards: dict[str, int] = field(default_factory=dict)
    templates: dict[str, Judged] = field(default_factory=dict)
    written: OrderedDict[str, list[datetime]] = field(default_factory=OrderedDict)  # its first is soon found
    daily_limit: int | None = None

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
        if incident.by_place:
            return None
        later = incident.start_known and incident.started > max(before.ended_at, before.incident.started)
        return None if later else case

    @property
    def whole(self) -> "Book":
        """The book of all regions (`RegionalBook`)."""
        return self

    def shows(self, case: Case | None) -> bool:  # noqa: ARG002 - one of some regions leaves others out
        """Whether lists of this book have the case in them."""
        return True

    def shows_at(self, olt: str) -> bool:  # noqa: ARG002
        """Whether they have what is about an OLT of that name."""
        return True

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
        if not self.days or self.last_at - self.days[-1] >= _DAY:
            self._pass_day()

    def take(self, line: Event) -> None:
        """Change the book by a line, now: for the one that is applied, and what it brings about by itself."""
        number: int | None = getattr(line, "case", None)
        if number is None or not line.late or not self._is_late(number, line):
            line.apply(self, self.last_at)
            if number is not None:
                self.touch(number)
        if line.audited:
            case = self.cases.get(number or 0) if line.of_a_dispatch else None
            self.audit.append(AuditEntry(self.last_at, line, 0 if case is None else len(case.dispatches)))
            if number is not None:
                self.entries[abs(number)] = self.entries.get(abs(number), 0) + 1

    def touch(self, number: int) -> None:
        """Something was written about a case, or the second message of one."""
        number = abs(number)
        if number in self.cases:
            self.touched.pop(number, None)
            self.touched[number] = self.last_at

    def _is_late(self, number: int, line: Event) -> bool:
        """Whether what the line is about is not in the book any more, or but as a record."""
        case = self.cases.get(number)
        if case is None:
            return 0 < abs(number) < self.next_case
        return case.past or (case.again and line.of_a_send and not case.planned)

    def has_left(self, number: int) -> bool:
        """Whether there was a case of that number, of which no more than a record is left."""
        case = self.cases.get(abs(number))
        return 0 < abs(number) < self.next_case if case is None else case.past

    def stands(self, line: Event, seq: int, digest: str) -> None:
        """A line that was applied is durable, at this place and with this hash."""
        head = self.stand_at(seq, digest)
        for number in line.ends(self):
            if not self.has_left(number):
                self.heads[number] = head

    def stand_at(self, seq: int, digest: str) -> str:
        """The same of lines that end nothing: of many it is enough to say it of the last. Gives `head`."""
        self.head = head = f"{seq} · {digest[:8]}"
        return head

    def _pass_day(self) -> None:
        """One more day on record: what cannot matter any more leaves. It looks at nothing that stays."""
        self.days = [*self.days, self.last_at][-leaving.DAYS :]
        if not self.forgets:
            return
        since = leaving.ago(self.days, leaving.KEPT)
        for number in leaving.older(self.touched.items(), since):
            self._let_go(number)
        self._forget_ports(since)
        since = leaving.ago(self.days, leaving.TOLD)
        for key in leaving.older(((key, one.at) for key, one in self.contacts.items()), since):
            if self.contacts[key].case not in self.open:  # they know of that outage
                del self.contacts[key]
        for key in leaving.older(((key, one.at) for key, one in self.reservations.items()), since):
            if self.reservations[key].case not in self.running:
                del self.reservations[key]
        since = leaving.ago(self.days, leaving.AUDITED)
        entries = leaving.older(enumerate(entry.at for entry in self.audit), since)
        self._cut_audit(min(len(entries), max(0, len(self.audit) - leaving.ENTRIES)))

    def _forget_ports(self, since: datetime | None) -> None:
        """How those came and went that are up since then, and the outages of those up for longer."""
        for key in leaving.older(((key, of[-1].first) for key, of in self.spells.items()), since):
            if key not in self.down:
                del self.spells[key]
        since = leaving.ago(self.days, REMEMBERED)
        for key in leaving.older(((key, of[-1].seen) for key, of in self.falls.items()), since):
            if key not in self.down:
                del self.falls[key]

    def _let_go(self, number: int) -> None:
        """The case becomes a record, where nothing of it is going on; else its time is counted anew."""
        case, other = self.cases[number], self.restored_by(number)
        both = (case,) if other is None else (case, other)
        going_on = number in self.open or not self.running.isdisjoint(one.id for one in both)
        del self.touched[number]
        told = leaving.ago(self.days, leaving.TOLD)
        if going_on or any(leaving.doubted(one, told) for one in both):
            self.touched[number] = self.last_at
            return
        leaving.share_contacts(self.contacts, case)
        for one in both:
            leaving.make_record(one)
            for part in (self.heads, self.doubtful, self.to_restore, self.left):
                part.pop(one.id, None)
        for id_, member in case.members.items():
            if self.by_incident.get(id_) == number:
                del self.by_incident[id_]
            if self.port_cases.get(member.incident.port.key) == number:
                del self.port_cases[member.incident.port.key]
        if number not in self.entries:
            self._drop(number)

    def _cut_audit(self, n: int) -> None:
        """Its `n` oldest entries leave, and with them the records and trials that they were about."""
        for entry in self.audit[:n]:
            self.trials.pop(getattr(entry.line, "trial", 0), None)
            number = abs(entry.case or 0)
            if number and self.entries[number] > 1:
                self.entries[number] -= 1
            elif number:
                del self.entries[number]
                if number in self.cases and self.cases[number].past:
                    self._drop(number)
        del self.audit[:n]
        since = leaving.ago(self.days, leaving.KEPT)
        if since is not None and self.audit:
            since = min(since, self.audit[0].at)
        for id_ in leaving.older(((id_, one.until) for id_, one in self.silences.items()), since):
            del self.silences[id_]

    def show_on(self, case: Case, card: Card) -> None:
        """The case's card is this message."""
        self._hide(case)
        case.card = card
        if case.restores is None:
            self.cards[card.key] = case.id

    def _hide(self, case: Case) -> None:
        if case.card is not None and self.cards.get(case.card.key) == case.id:
            del self.cards[case.card.key]

    def _drop(self, number: int) -> None:
        self._hide(self.cases.pop(number))
        self.cases.pop(restoring_of(number), None)


class WholeBook(Book):
    """A book that forgets nothing, for who asks about the whole of a ledger: it grows with it."""

    forgets = False
