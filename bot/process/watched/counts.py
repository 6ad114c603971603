"""What is counted as the ledger's lines become durable: decisions, sends, receipts, dispatches."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import (
    Approved,
    Denied,
    Line,
    Planned,
    Read,
    Received,
    Result,
    Separated,
    Settled,
    Silenced,
    Spared,
    Undelivered,
)
from bot.domain.plan import Outcome, Skip
from bot.domain.watched.measures import Spread
from bot.domain.who import BOT
from bot.ports import Clock

DECISIONS = ("approve", "deny", "separate", "silence")
RECEIPTS = ("delivered", "read", "failed")
_LATENCY = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_DISPATCH = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_FSYNC = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)


class Counts:
    """Since the process began. `heard` is a listener of the ledger, `written` hears of each write of it."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book, self._clock = book, clock
        self.lines = 0
        self.fsync = Spread(_FSYNC)
        self.decisions: Counter[str] = Counter()
        self.latency = {decision: Spread(_LATENCY) for decision in DECISIONS}
        self.sends: Counter[Outcome] = Counter()
        self.skipped: Counter[Skip] = Counter()
        self.receipts: Counter[str] = Counter()
        self.dispatches = Spread(_DISPATCH)

    def written(self, seconds: float) -> None:
        """The disk has one more group of lines."""
        self.fsync.add(seconds)

    def heard(self, lines: Sequence[Line]) -> None:
        """These are durable."""
        self.lines += len(lines)
        now = self._clock.now()
        for line in lines:
            self._count(line, now)

    def _count(self, line: Line, now: datetime) -> None:
        match line:
            case Result():
                self.sends[line.outcome] += 1
            case Planned():
                self.skipped.update(one.skip for one in line.recipients if one.skip is not None)
            case Spared():
                self.skipped[line.skip] += 1
            case Received():
                self.receipts["delivered"] += len(line.recipients)
            case Read():
                self.receipts["read"] += len(line.recipients)
            case Undelivered():
                self.receipts["failed"] += len(line.recipients)
            case Settled():
                self._settled(self._book.cases.get(line.case))
            case _:
                self._count_decision(line, now)

    def _count_decision(self, line: Line, now: datetime) -> None:
        match line:
            case Approved() if line.by != BOT:
                self._decided("approve", now, line.case)
            case Denied():
                self._decided("deny", now, line.case)
            case Separated():
                self._decided("separate", now, line.case)
            case Silenced():
                self._decided("silence", now)

    def _decided(self, decision: str, now: datetime, number: int = 0) -> None:
        """A silence is about no one case, and the second message of a case has no card that waited."""
        self.decisions[decision] += 1
        case = self._book.cases.get(number)
        if case is not None and case.restores is None and case.asked_at is not None:
            self.latency[decision].add((now - case.asked_at).total_seconds())

    def _settled(self, case: Case | None) -> None:
        """From the tap, or from its time where it was scheduled, to the end."""
        dispatch = case.dispatches[-1] if case is not None and case.dispatches else None
        if dispatch is not None and dispatch.ended_at is not None and dispatch.progress is not None:
            began = dispatch.begun_at or dispatch.at
            self.dispatches.add((dispatch.ended_at - began).total_seconds())
