"""A story of rules: its book and its ledger's lines, its clock, and what is on its way to customers."""

import random
from collections.abc import Iterable
from datetime import datetime

from bot.domain.book import Book
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.dispatch import Dispatch, Phase
from bot.domain.events import CaseOpened, Line, Started
from bot.domain.plan import Sent
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write
from bot.steps import unknown
from bot.steps.settle import Halt
from bot.storage import snapshot
from tests.fakes import NOON, incident
from tests.faults.rule_truth import Truth
from tests.faults.tries import Tries

# Each outage is one of these, in turn: two on one port, one beside them; some customers hang on all.
OUTAGES = (
    ("6/15", ("100", "101", "102")),
    ("6/15", ("102", "103")),
    ("6/16", ("102", "104", "100")),
)
MOST = 9  # cases


def found(ids: Iterable[str]) -> Found:
    """The look-ups of an outage that these customers have."""
    contacts = {id_: Contact(id_, id_, f"(61) 99{id_}-0{id_}") for id_ in ids}
    return Found(Affected(tuple(Onu(f"S{id_}", id_, id_, Link.LOS) for id_ in contacts)), contacts)


FOUND = [found(ids) for _, ids in OUTAGES]
CUSTOMERS = [f"619{id_}0{id_}" for id_ in sorted({id_ for _, ids in OUTAGES for id_ in ids})]
"""What the lines call them here: area code and last eight digits."""


class Request:
    """A request that left: to whom, and the gateway's reference where it was delivered."""

    def __init__(self, case: int, recipient: str, reference: str | None) -> None:
        self.case, self.recipient, self.reference = case, recipient, reference


class RuleStory:
    """One NOC, as its rules see it. `jobs` are the dispatches being carried out, and what halted each."""

    def __init__(self, tries: Tries, seed: int) -> None:
        self.tries, self.random = tries, random.Random(seed)  # noqa: S311 - a story to be played again
        self.rules = Rules(cooldown_hours=self.random.choice([0.0, 24.0, 24.0]))
        self.truth = Truth(tries, seed, self.rules.cooldown_hours)
        self.book, self.clock = Book(), NOON
        self.lines: list[tuple[datetime, Line]] = []
        self.jobs: dict[int, Halt | None] = {}
        self.flying: list[Request] = []
        self.late: list[Request] = []
        self.asked: tuple[list[unknown.Doubt], list[Sent]] | None = None
        self.write(Started("x"))
        for _ in OUTAGES:
            self.outage()

    @property
    def now(self) -> datetime:
        return max(self.clock, self.book.last_at)

    def write(self, *lines: Line) -> None:
        at = self.now
        for line in lines:
            self.lines.append((at, line))
            self.book.apply(at, line)
            self.truth.written(at, line)

    def found(self, number: int) -> Found:
        return FOUND[number % len(OUTAGES)]

    def does(self, rule: Write) -> list[Line]:
        """What a rule wrote; nothing where it declined."""
        try:
            lines = list(rule(self.book, self.now))
        except Declined:
            return []
        self.write(*lines)
        return lines

    def dispatch(self, number: int) -> Dispatch | None:
        return next(reversed(self.book.cases[number].dispatches), None)

    def at_work(self, number: int, *phases: Phase) -> Dispatch | None:
        """The case's dispatch, where a job carries it out and it is in one of these phases."""
        dispatch = self.dispatch(number) if number in self.jobs else None
        return dispatch if dispatch is not None and dispatch.phase in phases else None

    def busy(self, number: int) -> bool:
        return any(request.case == number for request in self.flying)

    def read_again(self) -> None:
        again = Book()
        for at, line in self.lines:
            again.apply(at, line)
        if vars(again) != vars(self.book):
            self.truth.broken("the ledger says otherwise when it is read again")
        self.book = snapshot.load(snapshot.dump(again))  # what follows goes on from a checkpoint
        if vars(again) != vars(self.book):
            self.truth.broken("a checkpoint says otherwise than the ledger")

    def outage(self, _number: int = 0) -> None:
        """One more case."""
        if (number := self.book.next_case) <= MOST:
            self.write(CaseOpened(number, incident(number, place=OUTAGES[number % len(OUTAGES)][0])))
