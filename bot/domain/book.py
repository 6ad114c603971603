"""The state: a pure fold over the ledger's lines.

Cases, cooldown, dispatches and audit come from the same lines, so they can never disagree. Nothing but
`Book.apply` changes a book.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import singledispatchmethod
from typing import Any, ClassVar

from bot.domain import book_life as life
from bot.domain import events
from bot.domain.audit import OF_A_DISPATCH, AuditEntry, is_audited
from bot.domain.case import LEFT_OVER, Card, Case, Dispatch, End, Phase
from bot.domain.causes.flapping import Spell
from bot.domain.events import TRIAL, TrialIntent, TrialResult
from bot.domain.incident import Incident, Port
from bot.domain.limits.cooldown import Reservation, Told
from bot.domain.limits.silence import Silence
from bot.domain.phone import phone_key
from bot.domain.plan import ARRIVED, IN_DOUBT, Outcome, Progress, Receipt, Recipient
from bot.domain.redated import Doubt, bring_back
from bot.domain.who import BOT, Who

_NEVER = datetime.min.replace(tzinfo=UTC)
_UNCONFIRMED_BEFORE = Receipt(Outcome.ACCEPTED, reason="unconfirmed")
"""What ledgers said of a send that was not confirmed before that was an outcome of its own."""
SILENT = timedelta(hours=1)
"""A start that follows no clean stop, and no line this fresh, may be on an old copy of the ledger."""


_HEARS = frozenset({events.Alive, events.Stopped, events.Approved, events.Denied})
"""Lines that can tell whether taps came through: what was refused may have waited for long."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the group was last told of the program's start, and when."""

    at: datetime
    said: str


class Book:
    """Everything that was decided and sent, as of the last line.

    `unconfirmed` is set while nothing may be sent because the program started on a ledger that looks like an
    old copy: the time of the last line before that start; `doubt` says why, where it was not the silence
    before it. `open` are the cases whose outage is on, `running`
    those with an unfinished dispatch, `to_restore` those that are over and whose customers may be told so;
    `spells` is how each port (by key) came and went, `down` the incidents that are on there, `port_cases` its
    newest case. `lasting` are the silences that had not ended when the last one began or was ended: those of
    years are not asked for each port at each poll. `trials` are the test messages by their number, None for
    one that nothing is known of. `heard_at` is when the program was last known to hear people's taps, None
    where it never was: it may run for hours, and start anew, while Telegram is away.

    `head` is where the ledger durably ends, `heads` where it stood when a case came to its end: a line's
    number and the first digits of its hash, which storage tells (`stands`). They decide nothing: people see
    them, so that the chat can prove later which ledger this was.
    """

    def __init__(self) -> None:
        self.last_at = _NEVER
        self.unconfirmed: datetime | None = None
        self.doubt: Doubt | None = None
        self._before, self._stopped = _NEVER, True
        self.cases: dict[int, Case] = {}
        self.by_incident: dict[str, int] = {}
        self.open: set[int] = set()
        self.running: set[int] = set()
        self.reservations: dict[str, Reservation] = {}
        self.told: dict[str, Told] = {}
        self.audit: list[AuditEntry] = []
        self.moved: dict[int, int] = {}
        self.to_restore: dict[int, None] = {}  # in the order in which they ended
        self.left: dict[int, None] = {}  # whose sends came to rest, in the order in which they did
        self.spells: dict[str, list[Spell]] = {}
        self.down: dict[str, set[str]] = {}
        self.port_cases: dict[str, int] = {}
        self.silences: dict[int, Silence] = {}
        self.lasting: list[Silence] = []
        self.digest: Card | None = None
        self.head: str | None = None
        self.heads: dict[int, str] = {}
        self._settled_at_start: list[int] = []
        self.announced: Announcement | None = None
        self.trials: dict[int, Receipt | None] = {}
        self.heard_at: datetime | None = None
        self.next_case = 1

    def restored_by(self, number: int) -> Case | None:
        """The case that tells the customers of this one that service is back, None where there is none yet.

        Its id is the case's, negated: people never see it, and their numbers have no gaps.
        """
        return self.cases.get(-number)

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

    def apply(self, at: datetime, line: events.Line) -> None:
        """Take one line in. `at` never lies before `last_at`."""
        self.last_at = at
        self._take(line)
        if not isinstance(line, TRIAL):  # another process's: the bot itself was silent meanwhile
            self._before, self._stopped = self.last_at, isinstance(line, events.Stopped)
        if type(line) in _HEARS and _hears(line):
            self.heard_at = self.last_at

    def stands(self, line: events.Line, seq: int, digest: str) -> None:
        """A line that was applied is durable, at this place and with this hash."""
        self.head = f"{seq} · {digest[:8]}"
        if isinstance(line, events.Settled | events.Denied | events.Resolved):
            self.heads[line.case] = self.head
        elif isinstance(line, events.Started):
            self.heads |= dict.fromkeys(self._settled_at_start, self.head)

    def dispatch_of(self, entry: AuditEntry) -> Dispatch | None:
        """The dispatch that a decision began, changed or ended."""
        case = self.cases.get(entry.case or 0)
        return case.dispatches[entry.turn - 1] if case is not None and entry.turn else None

    def _take(self, line: events.Line) -> None:
        self._folds.get(type(line), Book._ignore)(self, line)
        if is_audited(line):
            turn = 0
            if isinstance(line, OF_A_DISPATCH):
                turn = len(self.cases[line.case].dispatches)
            self.audit.append(AuditEntry(self.last_at, line, turn))

    @singledispatchmethod
    def _fold(self, line: object) -> None:
        """How each kind of line changes the state; called through `_folds`."""

    @_fold.register
    def _(self, line: events.Started) -> None:
        if line.doubt is not None:
            self.unconfirmed, self.doubt = self.unconfirmed or self._before, line.doubt
        elif not self._stopped and self.last_at - self._before > SILENT:
            self.unconfirmed = self.unconfirmed or self._before
        running = sorted(self.running)
        for number in running:
            if self._dispatch(number).phase is not Phase.SCHEDULED:  # that has not begun
                self._interrupt(number)
        self._settled_at_start = [number for number in running if number not in self.running]

    @_fold.register
    def _(self, line: events.Confirmed) -> None:
        self.unconfirmed = self.doubt = None
        if line.clock is not None:
            self.last_at = line.clock
            bring_back(self, line.clock)

    @_fold.register
    def _(self, line: events.CaseOpened) -> None:
        case = Case(line.case, line.incident, self.last_at, grouping=line.grouping)
        case.follows, case.apart = line.follows, line.apart
        self.cases[line.case] = case
        self.next_case = line.case + 1
        for incident in (line.incident, *line.others):
            life.take_in(self, case, incident)

    @_fold.register
    def _(self, line: events.IncidentChanged) -> None:
        life.came_on(self, self.cases[line.case], line.incident)

    @_fold.register
    def _(self, line: events.IncidentEnded) -> None:
        life.end(self, self.cases[line.case], line.incident, line.why)

    @_fold.register
    def _(self, line: events.CardPosted) -> None:
        for case in (self.cases[line.case], self.restored_by(line.case)):
            if case is not None:
                case.card_size = case.size
                case.card = Card(line.chat, line.message)

    @_fold.register
    def _(self, line: events.Approved) -> None:
        case = self.cases[line.case]
        turn = len(case.dispatches) + 1
        dispatch = Dispatch(
            turn, line.by, self.last_at, self.last_at, line.ports, line.dry_run, line.template
        )
        dispatch.mixed, dispatch.left_out, dispatch.despite = line.mixed, line.left_out, line.despite
        dispatch.due, dispatch.first = line.due, line.first
        dispatch.asked, dispatch.agreed = line.asked, line.agreed
        dispatch.answerable = (line.by,) if line.first is None else (line.first, line.by)
        if line.due is not None:
            dispatch.phase = Phase.SCHEDULED
        case.dispatches.append(dispatch)
        case.proposal = None
        self.running.add(line.case)
        self.reserve(line.case)

    @_fold.register
    def _(self, line: events.Denied) -> None:
        case = self.cases[line.case]
        case.denied_by, case.denied_at, case.denied_reason = line.by, self.last_at, line.reason
        case.denied_words = ""
        case.proposal = None

    @_fold.register
    def _(self, line: events.Cancelled) -> None:
        self.give_back(line.case)
        self._end(line.case, "cancelled", line.by)
        life.ask_again(self, self.cases[line.case])

    @_fold.register
    def _(self, line: events.Planned) -> None:
        dispatch = self._dispatch(line.case)
        before = [d.progress for d in self.cases[line.case].dispatches if d.progress is not None]
        dispatch.progress = Progress({r.id: r for r in line.recipients}, line.onus)
        dispatch.progress.refused.update(*(progress.refused for progress in before))
        dispatch.phase, dispatch.last_at = Phase.SENDING, self.last_at
        dispatch.facts = line.facts
        if line.unread:
            life.leave_out(self, self.cases[line.case], line.unread)
        for recipient in line.recipients:
            if recipient.skip is None:
                self._tell(line.case, recipient)

    @_fold.register
    def _(self, line: events.Intent) -> None:
        dispatch = self._dispatch(line.case)
        progress = self._progress(dispatch)
        progress.intents[line.recipient] = self.last_at
        progress.unlisted.pop(line.recipient, None)
        dispatch.last_at = self.last_at
        self._tell(line.case, progress.recipients[line.recipient])

    @_fold.register
    def _(self, line: events.Abandoned) -> None:
        progress = self._progress(self._dispatch(line.case))
        progress.intents.pop(line.recipient, None)
        if line.reason is not None:
            progress.refused.add(line.recipient)

    @_fold.register
    def _(self, line: events.Spared) -> None:
        progress = self._progress(self._dispatch(line.case))
        if not progress.back_in_doubt(line.recipient):
            spared = replace(progress.recipients[line.recipient], skip=line.skip)
            progress.recipients[line.recipient] = spared
            self._not_told(line.case, line.recipient)

    @_fold.register
    def _(self, line: events.Interrupted) -> None:
        self._interrupt(line.case)
        dispatch = self._dispatch(line.case)
        dispatch.broken, dispatch.end_reason, dispatch.mend = True, line.reason, line.mend

    @_fold.register
    def _(self, line: events.Result) -> None:
        dispatch = self._dispatch(line.case)
        progress = self._progress(dispatch)
        known = progress.results.get(line.recipient)
        if known is not None and known.outcome is not Outcome.UNKNOWN:
            return
        dispatch.last_at = self.last_at
        receipt = Receipt(line.outcome, line.reference, line.reason)
        if receipt == _UNCONFIRMED_BEFORE:
            receipt = replace(receipt, outcome=Outcome.UNCONFIRMED)
        if receipt.outcome in ARRIVED:
            progress.arrived(line.recipient, receipt)
        elif receipt.outcome in IN_DOUBT:
            progress.results[line.recipient] = receipt
        elif not progress.back_in_doubt(line.recipient):  # else a send before this one may have arrived
            progress.results[line.recipient] = receipt
            self._not_told(line.case, line.recipient)
            if dispatch.phase is Phase.FINISHED:  # an answer after the end
                self.give_back(line.case)

    @_fold.register
    def _(self, line: events.StopAsked) -> None:
        dispatch = self._dispatch(line.case)
        dispatch.phase, dispatch.ended_by = Phase.STOPPING, line.by

    @_fold.register
    def _(self, line: events.Resumed) -> None:
        dispatch = self._dispatch(line.case)
        dispatch.phase = Phase.COUNTDOWN if dispatch.progress is None else Phase.SENDING
        dispatch.resumed, dispatch.last_at = dispatch.resumed + 1, self.last_at
        dispatch.resumed_by, dispatch.broken = line.by, False
        dispatch.answerable = dispatch.answerable if line.by is None else (line.by,)
        dispatch.end_reason = dispatch.mend = None
        if line.by is not None and dispatch.progress is not None:
            results = dispatch.progress.results.items()
            failed = [id_ for id_, receipt in results if receipt.outcome is Outcome.FAILED]
            dispatch.progress.take_up_again(failed)
        self.reserve(line.case)

    @_fold.register
    def _(self, line: events.Settled) -> None:
        dispatch = self._end(line.case, line.end, line.by, line.reason)
        dispatch.mend, dispatch.size = line.mend, line.size
        if dispatch.progress is not None:
            for recipient in dispatch.progress.close(LEFT_OVER[line.end], line.reason):
                self._not_told(line.case, recipient.id)
            dispatch.came_to = dispatch.came_to or (self.last_at, dispatch.progress.tally())
        self.give_back(line.case)
        if not dispatch.reached:
            life.ask_again(self, self.cases[line.case])

    @_fold.register
    def _(self, line: events.Resolved) -> None:
        progress = self._progress(self._dispatch(line.case))
        for recipient in line.recipients:
            if line.choice == "call":
                progress.calls[recipient] = line.by.name
            else:
                progress.arrived(recipient, Receipt(Outcome.ACCEPTED, reason="considered_sent"))

    @_fold.register
    def _(self, line: events.Resent) -> None:
        dispatch = self._dispatch(line.case)
        dispatch.phase, dispatch.last_at, dispatch.resent_by = Phase.SENDING, self.last_at, line.by
        dispatch.end = dispatch.ended_at = dispatch.ended_by = dispatch.end_reason = dispatch.mend = None
        dispatch.answerable = (line.by,)
        dispatch.broken = False
        self.running.add(line.case)
        self.reserve(line.case, dispatch.ports_of(line.recipients))
        self._progress(dispatch).take_up_again(line.recipients)

    @_fold.register
    def _(self, line: events.Evidence) -> None:
        progress = self._progress(self._dispatch(line.case))
        if line.reference is None:
            progress.unlisted[line.recipient] = self.last_at
        elif progress.claims(line.recipient):
            progress.arrived(line.recipient, Receipt(Outcome.ACCEPTED, line.reference, "listed"))

    @_fold.register
    def _(self, line: events.CooldownReleased) -> None:
        self.reservations.pop(line.port.key, None)
        for key in [key for key, told in self.told.items() if line.port.key in told.ports]:
            del self.told[key]

    @_fold.register
    def _(self, line: events.GroupMoved) -> None:
        self.moved[line.old] = line.new

    @_fold.register
    def _(self, line: events.Announced) -> None:
        self.announced = Announcement(self.last_at, line.said)

    @_fold.register
    def _(self, line: TrialIntent) -> None:
        self.trials[line.trial] = None

    @_fold.register
    def _(self, line: TrialResult) -> None:
        self.trials[line.trial] = Receipt(line.outcome, line.reference, line.reason)

    def _ignore(self, line: events.Line) -> None:
        """Lines that change nothing but the audit."""

    # By type, without what singledispatchmethod does at each call: a sixth of the time that a replay takes.
    _folds: ClassVar[dict[type, Callable[[Any, Any], None]]] = {**_fold.dispatcher.registry, **life.FOLDS}

    def _dispatch(self, number: int) -> Dispatch:
        return self.cases[number].dispatches[-1]

    def _interrupt(self, number: int) -> None:
        dispatch, progress = self._dispatch(number), self._dispatch(number).progress
        if progress is not None:
            for recipient in progress.intents.keys() - progress.results.keys():
                progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")
        if dispatch.phase is Phase.STOPPING:  # a person stopped it: it does not go on
            self._take(events.Settled(number, "stopped"))
        elif progress is not None and not progress.todo():  # only its end was not written
            self._take(events.Settled(number, "done"))
        elif dispatch.phase is not Phase.INTERRUPTED:
            dispatch.phase = Phase.INTERRUPTED
            life.left_undone(self, number)

    def reserve(self, number: int, only: Collection[str] | None = None) -> None:
        """The ports of a case's dispatch (`only` these keys of them) are taken from now on."""
        dispatch = self._dispatch(number)
        ports = [port for port in dispatch.ports if only is None or port.key in only]
        for port in () if dispatch.dry_run else ports:
            self.reservations[port.key] = Reservation(port, self.last_at, number, dispatch.by)

    def _tell(self, number: int, recipient: Recipient) -> None:
        dispatch = self._dispatch(number)
        if recipient.phone is not None and not dispatch.dry_run and self.cases[number].restores is None:
            ports = recipient.ports or tuple(port.key for port in dispatch.ports)
            self.told[phone_key(recipient.phone)] = Told(self.last_at, number, ports)

    def _end(self, number: int, end: End, by: Who | None, reason: str | None = None) -> Dispatch:
        dispatch = self._dispatch(number)
        dispatch.phase, dispatch.end, dispatch.end_reason = Phase.FINISHED, end, reason
        dispatch.ended_at, dispatch.ended_by = self.last_at, by or dispatch.ended_by
        self.running.discard(number)
        life.left_undone(self, number)
        return dispatch

    @staticmethod
    def _progress(dispatch: Dispatch) -> Progress:
        if dispatch.progress is None:
            raise ValueError("a send without a plan")
        return dispatch.progress

    def give_back(self, number: int) -> None:
        """The ports of a case's dispatch through which nobody was reached are free."""
        dispatch = self._dispatch(number)
        reached = set() if dispatch.progress is None else dispatch.progress.reached_ids()
        for key in {port.key for port in dispatch.ports} - dispatch.ports_of(reached):
            reservation = self.reservations.get(key)
            if reservation is not None and reservation.case == number:
                del self.reservations[key]

    def _not_told(self, number: int, recipient_id: str) -> None:
        phone = self._progress(self._dispatch(number)).recipients[recipient_id].phone
        key = phone_key(phone) if phone else ""
        if key in self.told and self.told[key].case == number:
            del self.told[key]


def _hears(line: events.Line) -> bool:
    if isinstance(line, events.Alive | events.Stopped):
        return line.heard
    return getattr(line, "by", BOT) != BOT
