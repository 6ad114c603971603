"""What a story of rules really sent, and what its book has to say about it after every step.

Nothing here asks a rule: deliveries, people's permissions and the confirmation are kept from the lines alone.
"""

from collections import defaultdict, deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.dispatch import Phase
from bot.domain.events import (
    Abandoned,
    Approved,
    Confirmed,
    CooldownReleased,
    Evidence,
    Intent,
    Line,
    OptedIn,
    OptedOut,
    Planned,
    Resent,
    Result,
    Resumed,
    Started,
    StopAsked,
)
from bot.domain.events.program import SILENT
from bot.domain.phone import phone_key
from bot.domain.plan import ARRIVED, REACHED, Progress
from bot.steps.unknown import Doubt
from tests.faults.tries import Tries

SHOWN = 14
"""How many of the last lines a violation names."""

Send = tuple[int, str]
"""A case and a recipient of it."""


@dataclass
class Delivery:
    """A message that a customer has.

    `began`: when somebody last started its dispatch, which reserves the port; `repeated`: a person allowed
    one more to this recipient of this case; `released`: a person freed the port.
    """

    reference: str
    phone: str
    send: Send
    attempt: int
    port: str
    began: datetime
    at: datetime
    repeated: bool = False
    released: bool = False


@dataclass
class Truth:
    """Ground truth of one story, and its judge. `hours` is the cooldown.

    `claims`: for each recipient of a case, which of its requests (by the number of the intent's line) are not
    known to have come to nothing; `asked`: the same, when the gateway's list was read for them. `stopped` are
    the cases that a person stopped: only an approval or a repeated send ends that. `people` are whom each
    recipient of a case is, `unwanted` those who asked for no messages.
    """

    tries: Tries
    seed: int
    hours: float
    deliveries: list[Delivery] = field(default_factory=list)
    began: dict[int, datetime] = field(default_factory=dict)
    claims: defaultdict[Send, list[int]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[Send, list[int]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    people: dict[Send, str | None] = field(default_factory=dict)
    unwanted: set[str | None] = field(default_factory=set)
    count: int = 0
    proven: set[str] = field(default_factory=set)
    unconfirmed: bool = False
    last: deque[tuple[datetime, Line]] = field(default_factory=lambda: deque(maxlen=SHOWN))

    def broken(self, what: str) -> NoReturn:
        """A violation that can be played again: its seed and the lines that led to it."""
        self.tries.check(holds=False, what=f"{what} ({self.story})")
        raise AssertionError("a violation was counted and not raised")

    @property
    def story(self) -> str:
        """The seed and the last lines, with no phones."""
        return f"seed {self.seed}: ... {' | '.join(_brief(line) for _, line in self.last)}"

    def written(self, at: datetime, line: Line) -> None:
        """The ledger takes a line."""
        if isinstance(line, Started):
            self.unconfirmed |= bool(self.last) and at - self.last[-1][0] > SILENT
        elif isinstance(line, Confirmed):
            self.unconfirmed = False
        elif isinstance(line, Approved | Resumed | Resent):
            self.began[line.case] = at
        self._stays_stopped(line)
        self._permits(line)
        self._is_wanted(line)
        self.last.append((at, line))
        self.count += 1
        if isinstance(line, Intent):
            self.claims[line.case, line.recipient].append(self.count)
            if self.unconfirmed:
                self.broken("a send before the ledger is confirmed")
        elif isinstance(line, Evidence):
            self._proves(line)
        elif isinstance(line, Result) and line.reference is not None:
            self.proven.add(line.reference)
        elif isinstance(line, Abandoned) or (isinstance(line, Result) and line.outcome not in REACHED):
            del self.claims[line.case, line.recipient][-1:]

    def _stays_stopped(self, line: Line) -> None:
        """What a person stopped is never taken up again, whatever interrupted the stop."""
        if isinstance(line, StopAsked):
            self.stopped.add(line.case)
        elif isinstance(line, Approved | Resent):
            self.stopped.discard(line.case)
        elif isinstance(line, Resumed) and line.case in self.stopped:
            self.broken(f"case {line.case} was stopped and goes on")

    def _is_wanted(self, line: Line) -> None:
        """Who asked for no messages is in no plan and is sent none."""
        if isinstance(line, OptedOut):
            self.unwanted.add(line.person)
        elif isinstance(line, OptedIn):
            self.unwanted.discard(line.person)
        elif isinstance(line, Planned):
            self.people |= {(line.case, r.id): r.person for r in line.recipients}
            if any(r.skip is None and r.person in self.unwanted for r in line.recipients):
                self.broken("a message is planned for who asked for none")
        elif isinstance(line, Intent) and self.people[line.case, line.recipient] in self.unwanted:
            self.broken("who asked for no messages is sent one")

    def _permits(self, line: Line) -> None:
        """Whether a person allows a second message."""
        for delivery in self.deliveries:
            if isinstance(line, CooldownReleased):
                delivery.released |= delivery.port == line.port.key
            elif isinstance(line, Resent):
                case, recipient = delivery.send
                delivery.repeated |= case == line.case and recipient in line.recipients

    def asks(self, doubts: list[Doubt]) -> None:
        """The gateway's list is read for these."""
        sends = [(doubt.case, doubt.recipient.id) for doubt in doubts]
        self.asked = {send: list(self.claims[send]) for send in sends}

    def _proves(self, line: Evidence) -> None:
        send = (line.case, line.recipient)
        if self.asked.get(send) != self.claims[send]:
            self.broken(f"the list was not asked about case {line.case}, {line.recipient}")
        if line.reference in self.proven:
            self.broken(f"row {line.reference} proves two sends")
        if line.reference is not None:
            self.proven.add(line.reference)

    def delivered(self, case: Case, recipient: str, phone: str, at: datetime) -> str:
        """A customer has it; the gateway's reference. Nobody may have got one who has one."""
        send, key = (case.id, recipient), phone_key(phone)
        before = [d for d in self.deliveries if d.phone == key and not (d.repeated and d.send == send)]
        if any(d.send == send or self._holds(d, d.at, at) for d in before):
            self.tries.nobody_twice([key] * 2, self.story)
        reference = str(len(self.deliveries) + 1)
        port, attempt, began = case.incident.port.key, case.dispatches[-1].attempt, self.began[case.id]
        self.deliveries.append(Delivery(reference, key, send, attempt, port, began, at))
        return reference

    def judge(self, book: Book, now: datetime, at_work: AbstractSet[int]) -> None:
        """Every promise, after a step. `at_work` are the cases whose dispatch is carried out."""
        for case in book.cases.values():
            self._adds_up(case, at_work)
        hidden = [d.send[1] for d in self.deliveries if not _seen(book, d)]
        if hidden:
            self.tries.everybody_accounted_for(hidden, f"they have a message: {self.story}")
        for delivery in self.deliveries:
            self._kept_apart(book, delivery, now)

    def _adds_up(self, case: Case, at_work: AbstractSet[int]) -> None:
        for dispatch in case.dispatches:
            progress, tally, over = dispatch.progress, dispatch.tally(), dispatch.phase is Phase.FINISHED
            if not over and dispatch is not case.dispatches[-1]:
                self.broken(f"case {case.id} was approved twice at a time")
            if not dispatch.at_rest and case.id not in at_work:
                self.broken(f"case {case.id} is {dispatch.phase}, and nobody carries it out")
            if progress is None or tally is None:
                continue
            flying = progress.intents.keys() - progress.results.keys()
            if dispatch.at_rest and flying:
                self.tries.everybody_accounted_for(flying, f"no outcome: {self.story}")
            if tally.todo != len(progress.todo()) + len(flying) or (over and tally.todo):
                self.broken(f"the plan of case {case.id} does not add up")
            self._never_invented(case.id, progress)

    def _never_invented(self, number: int, progress: Progress) -> None:
        """Nobody counts as told who has nothing, but by a person's word."""
        has = {delivery.phone for delivery in self.deliveries}
        for id_, receipt in progress.results.items():
            arrived = receipt.outcome in ARRIVED and receipt.reason != "considered_sent"
            if arrived and phone_key(progress.recipients[id_].phone or "") not in has:
                self.broken(f"case {number}: {id_} is {receipt.outcome} and has nothing")

    def _kept_apart(self, book: Book, delivery: Delivery, now: datetime) -> None:
        """Who has a message, and the port that they hang on, are in their cooldown."""
        told, reserved = book.contacts.get(delivery.phone), book.reservations.get(delivery.port)
        if self._holds(delivery, delivery.at, now) and (told is None or told.at < delivery.at):
            self.broken(f"{delivery.send[1]} has a message and may get another")
        if self._holds(delivery, delivery.began, now) and (reserved is None or reserved.at < delivery.began):
            self.broken(f"port {delivery.port} was sent to and is free")

    def _holds(self, delivery: Delivery, since: datetime, now: datetime) -> bool:
        return not delivery.released and since + timedelta(hours=self.hours) > now


def _seen(book: Book, delivery: Delivery) -> bool:
    """Whether the case shows that they have, may have, or are just getting a message."""
    case, id_ = delivery.send
    progress = book.cases[case].dispatches[delivery.attempt - 1].progress
    if progress is None:
        return False
    known = progress.results.get(id_)
    if known is not None:
        return known.outcome in REACHED
    repeated = progress.recipients[id_].skip is None and bool(progress.doubted.get(id_))  # still to do
    return repeated or id_ in progress.intents


def _brief(line: Line) -> str:
    parts = (getattr(line, name, None) for name in ("kind", "case", "recipient", "outcome", "end"))
    return " ".join(str(part) for part in parts if part is not None)
