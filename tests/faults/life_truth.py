"""What really happened in a case's whole life: ports together, what was scheduled, service that is back."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import SECOND_WITHIN
from bot.domain.events import (
    Approved,
    Begun,
    CooldownReleased,
    Evidence,
    Intent,
    Line,
    Planned,
    Resent,
    Resolved,
    Resumed,
)
from bot.domain.plan import Message, Outcome, Receipt
from bot.domain.rules import Rules
from tests.faults.truth import Delivery, Truth


@dataclass
class LifeTruth(Truth):
    """Ground truth, and the promises about cases of several ports, hours, second approvals and "voltou".

    `where` each outage is; `homes`: the ports that each recipient hangs on; `places`: those that each case
    was approved for; `started`: when its dispatch was started last, by both clocks; `in_time`: whether
    that was within the customers' hours, or at a person's word; `now_said`: the cases where a person has said
    "now"; `yes`: who said yes to each case, and when; `asked_for`: to whom a request left since its approval;
    `accepted`: who was surely warned; `online`: when each ONU was last read as online; `listed_now`,
    `gone_for_good`: the outages that the last whole poll had, and those that enough of them lacked.
    """

    rules: Rules = field(default_factory=Rules)
    where: dict[str, str] = field(default_factory=dict)
    homes: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    places: dict[int, frozenset[str]] = field(default_factory=dict)
    started: dict[int, tuple[datetime, float]] = field(default_factory=dict)
    in_time: dict[int, bool] = field(default_factory=dict)
    now_said: set[int] = field(default_factory=set)
    yes: defaultdict[int, list[tuple[int, datetime]]] = field(default_factory=lambda: defaultdict(list))
    asked_for: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted: set[tuple[int, str]] = field(default_factory=set)
    online: dict[str, float] = field(default_factory=dict)
    listed_now: set[str] = field(default_factory=set)
    gone_for_good: set[str] = field(default_factory=set)

    # What the bot decides

    def decided(self, at: datetime, line: Line, book: Book) -> None:
        """A line, in the instant in which it was decided."""
        if isinstance(line, Approved):
            self._approved(at, line)
        elif isinstance(line, Begun):
            self._begun(at, line, book)
        elif isinstance(line, Resumed | Resent):
            self._starts(line.case, at, said=isinstance(line, Resent))
        elif isinstance(line, Planned) and line.unread:
            self._left_unread(line, book)
        elif isinstance(line, Intent) and line.case < 0:
            again = self._outages(line.case, book) & self.listed_now
            self.check(not again, f"{line.recipient}: told that service is back while {again} is on again")
        else:
            self._permits(line, book)

    def _permits(self, line: Line, book: Book) -> None:
        """Who is known to have been warned after all, and who may get another message."""
        if isinstance(line, CooldownReleased):
            self.released(line.port.place[-1])
        elif isinstance(line, Evidence) and line.reference is not None:
            self._warned_after_all(line.case, line.recipient, book)
        elif isinstance(line, Resolved) and line.choice == "sent":
            for recipient in line.recipients:
                self._warned_after_all(line.case, recipient, book)

    def _left_unread(self, line: Planned, book: Book) -> None:
        """Ports of which no alert that is on could be read are not part of it."""
        members = book.cases[line.case].members
        on = {id_ for id_, member in members.items() if member.ended_at is None}
        unread, read = ({self.where[id_] for id_ in ids} for ids in (line.unread, on - {*line.unread}))
        self.places[line.case] -= unread - read

    def halted(self, case: int, *, taken_back: bool = False) -> None:
        """As it is there; who said yes to what was taken back has not said it to anything else."""
        super().halted(case, taken_back=taken_back)
        if taken_back:
            self.yes.pop(case, None)
            self.now_said.discard(case)

    def goes_on(self, case: int, port: str, began: datetime) -> None:
        """When it was started the lines say."""
        del port, began
        self.stopped.pop(case, None)

    def _approved(self, at: datetime, line: Approved) -> None:
        self.places[line.case] = frozenset(port.place[-1] for port in line.ports)
        self.asked_for[line.case].clear()
        for place in self.places[line.case]:
            closed = [
                d.recipient for d in self.deliveries if d.case > 0 and place in d.ports and self._holds(d)
            ]
            self.check(not closed, f"port {place} was approved in its cooldown")
        if line.due is None:
            self._starts(line.case, at)

    def _begun(self, at: datetime, line: Begun, book: Book) -> None:
        case, outages = book.cases[line.case], self._outages(line.case, book)
        due = case.dispatches[-1].due
        if line.by is None:
            self.check(due is not None and due <= at, f"case {line.case} was begun before its time")
            over = outages <= self.gone_for_good if line.case > 0 else bool(outages & self.listed_now)
            self.check(not over, f"case {line.case} was begun though there was nothing to tell any more")
        elif self.rules.customer_hours is not None:
            self.now_said.add(line.case)
        self._starts(line.case, at)

    def _starts(self, case: int, at: datetime, *, said: bool = False) -> None:
        hours = self.rules.customer_hours
        self.in_time[case] = said or case in self.now_said or hours is None or hours.include(at)
        self.started[case] = (at, self.clock.monotonic())

    def _outages(self, case: int, book: Book) -> set[str]:
        return set(book.cases[abs(case)].members)

    def _warned_after_all(self, case: int, recipient: str, book: Book) -> None:
        progress = book.cases[case].dispatches[-1].progress
        if progress is not None:
            self.accepted.add((case, progress.recipients[recipient].phone or ""))

    # What the gateway gets

    def enters(self, message: Message, book: Book) -> None:
        """A request reaches the gateway."""
        super().enters(message, book)
        case = self.case_of(message)
        if case is None:
            return
        who = f"{message.recipient} of case {case}"
        self.check(self.in_time.get(case, False), f"{who}: sent outside the customers' hours without a word")
        if case > 0:
            here = self.homes[message.recipient] & self.places[case]
            self.check(bool(here), f"{who}: sent to, and on no port that was approved")
            self.asked_for[case].add(message.recipient)
            self.check(self._enough(case), f"{who}: sent though only one person said yes to so many")
        else:
            self.check(
                (-case, message.phone) in self.accepted, f"{who}: nobody warned them, and service is back"
            )
            progress = book.cases[case].dispatches[-1].progress
            serials = progress.recipients[message.recipient].serials if progress is not None else ()
            since = self.started[case][1]
            down = [serial for serial in serials if self.online.get(serial, -1.0) < since]
            self.check(not down, f"{who}: told that service is back, and {down} was not read as online")

    def answers(self, case: int | None, message: Message, answer: Receipt) -> None:
        """Who was surely warned may hear that it is over."""
        if case is not None and answer.outcome is Outcome.ACCEPTED:
            self.accepted.add((case, message.phone))

    def _enough(self, case: int) -> bool:
        """Whether so many may be told at the word of those who gave it."""
        most, said = self.rules.two_person_above, self.yes[case]
        if not most or len(self.asked_for[case]) <= most:
            return True
        return any(
            one != other and first <= then <= first + SECOND_WITHIN
            for one, first in said
            for other, then in said
        )

    def _of(self, case: int, recipient: str, now: datetime) -> tuple[frozenset[str], datetime]:
        ports = frozenset(self.homes[recipient]) & self.places.get(case, frozenset())
        return ports, self.started[case][0] if case in self.started else now

    def _one_too_many(self, before: Delivery, case: int) -> bool:
        """Nobody gets two for one outage or within the cooldown, nor two that service is back."""
        if before.case == case:
            return not before.excused
        return case > 0 and before.case > 0 and self._holds(before)
