"""What really happened in a story: what reached customers, and what people asked for.

The promises are judged by this alone; the bot's own ledger is only compared with it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.dispatch import Phase
from bot.domain.events import (
    Abandoned,
    Approved,
    Cancelled,
    Evidence,
    Intent,
    Line,
    Planned,
    Resent,
    Result,
    Resumed,
    Settled,
    Started,
)
from bot.domain.plan import REACHED, RESTORED, Message, Receipt, Sent, Skip
from tests.faults.story_time import StoryClock
from tests.faults.tries import Tries, Violation

DAY = timedelta(hours=24)


@dataclass
class Delivery:
    """A message that a customer has.

    `ports`: those that they hang on; `began`: the wall clock when a person last started its dispatch;
    `known`: how many lines were durable then; `excused`: a person allowed another; `lost`: an older copy of
    the ledger took the place of the one that knew of it. A case below 0: it tells that service is back.
    """

    reference: str
    phone: str
    case: int
    recipient: str
    ports: frozenset[str]
    began: datetime
    at: datetime
    tick: float
    known: int
    excused: bool = False
    lost: bool = False


@dataclass
class Truth:
    """Ground truth, and the checks that need nothing else. `broken` is the first promise that was broken."""

    tries: Tries
    clock: StoryClock
    deliveries: list[Delivery] = field(default_factory=list)
    began: dict[str, datetime] = field(default_factory=dict)
    requests: Counter[int] = field(default_factory=Counter)
    resends: set[tuple[int, str]] = field(default_factory=set)
    stopped: dict[int, float] = field(default_factory=dict)
    read_over: dict[str, bool] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    claimed: dict[tuple[int, str], None] = field(default_factory=dict)
    entered: set[tuple[int, str]] = field(default_factory=set)
    proven: set[str] = field(default_factory=set)
    requested: set[str] = field(default_factory=set)
    interrupted: set[str] = field(default_factory=set)
    at_work: set[int] = field(default_factory=set)
    unconfirmed: bool = False
    flying: Counter[tuple[int, str]] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    broken: Violation | None = None

    def check(self, holds: bool, what: str) -> None:
        """Violation with the story so far; kept, since the bot survives whatever its adapters raise."""
        with self._kept():
            self.tries.check(holds, f"{what}: {self.told}")

    @property
    def told(self) -> str:
        """The story so far."""
        return " | ".join(self.story)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except Violation as violation:
            self.broken = self.broken or violation
            raise

    def approved(self, case: int, port: str, began: datetime) -> None:
        """An approval holds: the port cannot have been in its cooldown."""
        closed = [d.recipient for d in self.deliveries if port in d.ports and self._holds(d)]
        self.check(not closed, f"port {port} was approved in its cooldown")
        self.requests[case] = 0
        self.goes_on(case, port, began)

    def goes_on(self, case: int, port: str, began: datetime) -> None:
        """A person started a case's dispatch, or took it up again."""
        self.began[port] = began
        self.stopped.pop(case, None)

    def halted(self, case: int, *, taken_back: bool = False) -> None:
        """A person was told that nothing more leaves for a case; `taken_back`: that nothing had."""
        self.check(not (taken_back and self.requests[case]), f"case {case}: cancelled after a request")
        self.stopped[case] = self.clock.monotonic()

    def released(self, port: str) -> None:
        """A person freed a port, and whoever was told through it."""
        for delivery in self.deliveries:
            delivery.excused |= port in delivery.ports and delivery.case > 0

    def replaced(self, lines: Sequence[Line]) -> None:
        """The ledger is an older copy of itself: it has only these lines."""
        for delivery in self.deliveries:
            delivery.lost |= delivery.known > len(lines)
        self.unconfirmed = True
        self.stopped.clear()
        self.requests.clear()
        self.resends.clear()
        self.claimed.clear()
        self.at_work.clear()
        for line in lines:
            self._follow(line)
        kept = (line.reference for line in lines if isinstance(line, Evidence | Result))
        self.proven = {reference for reference in kept if reference is not None}

    def confirmed(self) -> None:
        """A person takes it upon them that the ledger may lack what was sent."""
        self.unconfirmed = False
        for delivery in self.deliveries:
            delivery.excused |= delivery.lost

    def enters(self, message: Message, book: Book) -> None:
        """A request reaches the gateway."""
        recipient = message.recipient
        self.requested.add(message.phone)
        self.check(not self.unconfirmed and book.unconfirmed is None, "a send before the ledger is confirmed")
        case = self.case_of(message)
        if case is None:
            self.check(False, f"{recipient}: a request without a durable intent")
            return
        self.requests[case] += 1
        stopped = self.stopped.get(case)
        again = (case, recipient) in self.entered
        late = stopped is not None and (again or stopped != self.clock.monotonic())
        self.entered.add((case, recipient))
        self.check(not late, f"{recipient}: a request after case {case} was stopped")
        over = case > 0 and all(self.read_over.get(id_, False) for id_ in book.cases[case].members)
        self.check(not over, f"{recipient}: sent though the outage of case {case} is over")

    def case_of(self, message: Message) -> int | None:
        """Whose request it is, by the last claim; the case below 0 where it tells that service is back."""
        back = message.template == RESTORED
        cases = [case for case, id_ in self.claimed if id_ == message.recipient and (case < 0) == back]
        return cases[-1] if cases else None

    def delivered(self, message: Message, known: int) -> str:
        """A customer has it; the gateway's reference."""
        case = self.case_of(message) or 0
        before = [d for d in self.deliveries if d.phone == message.phone and self._one_too_many(d, case)]
        if before and (case, message.recipient) in self.resends:
            self.resends.discard((case, message.recipient))
            for delivery in before:
                delivery.excused = True
        elif before:
            with self._kept():
                self.tries.nobody_twice([message.phone] * 2, f"{message.recipient}: {self.told}")
        reference, now = str(len(self.deliveries) + 1), self.clock.now()
        ports, began = self._of(case, message.recipient, now)
        made = Delivery(
            reference,
            message.phone,
            case,
            message.recipient,
            ports,
            began,
            now,
            self.clock.monotonic(),
            known,
        )
        self.deliveries.append(made)
        return reference

    def answers(self, case: int | None, message: Message, answer: Receipt) -> None:
        """The gateway has said what became of a message."""

    def listed(self, first: datetime, last: datetime, lag: float) -> Sequence[Sent]:
        """The gateway's own list, which lags."""
        seen = [d for d in self.deliveries if d.tick + lag <= self.clock.monotonic()]
        return [Sent(d.reference, d.phone, d.at, "Entregue") for d in seen if first <= d.at <= last]

    def durable(self, lines: Sequence[Line]) -> None:
        """The ledger made lines durable."""
        for line in lines:
            self._follow(line)
            if isinstance(line, Evidence | Result) and line.reference is not None:
                twice = isinstance(line, Evidence) and line.reference in self.proven
                self.check(not twice, f"row {line.reference} proves two sends")
                self.proven.add(line.reference)
            if isinstance(line, Planned) and not self.at_work - {line.case}:
                maybe = {id_[2:] for id_ in self.interrupted}  # the same people live on both ports
                held_back = {
                    r.phone for r in line.recipients if r.skip is Skip.COOLDOWN and r.id[2:] not in maybe
                }
                never = held_back - self.requested
                self.check(not never, f"case {line.case}: {len(never)} held back whom nobody wrote to")

    def _follow(self, line: Line) -> None:
        """Who is claimed, and which cases are at work."""
        if isinstance(line, Intent):
            self.claimed.pop((line.case, line.recipient), None)
            self.claimed[line.case, line.recipient] = None
            self.entered.discard((line.case, line.recipient))
        elif isinstance(line, Result | Abandoned):
            self.claimed.pop((line.case, line.recipient), None)
        elif isinstance(line, Started):  # what was claimed may have left, as far as any ledger knows
            self.interrupted |= {id_ for _, id_ in self.claimed}
            self.claimed.clear()
        elif isinstance(line, Approved | Resumed | Resent):
            self.at_work.add(line.case)
        elif isinstance(line, Settled | Cancelled):
            self.at_work.discard(line.case)
        if isinstance(line, Resent | Resumed):
            self.claimed = {claim: None for claim in self.claimed if claim[0] != line.case}

    def accounted(self, book: Book) -> None:
        """Every plan adds up, and whoever has a message is seen to have one, or to be in flight."""
        shown: set[tuple[int, str]] = set()
        lost: set[str] = set()
        for case in book.cases.values():
            for dispatch in case.dispatches:
                progress, tally = dispatch.progress, dispatch.tally()
                if progress is None or tally is None:
                    continue
                total = sum(tally.outcomes.values()) + sum(tally.skipped.values()) + tally.todo
                self.check(total == tally.planned and tally.todo >= 0, f"case {case.id} does not add up")
                over = dispatch.phase is Phase.FINISHED
                self.check(not (over and tally.todo), f"case {case.id} is over with somebody still to do")
                flying = progress.intents.keys() - progress.results.keys()
                if over or dispatch.phase is Phase.INTERRUPTED:
                    lost |= flying
                seen = flying | (progress.doubted.keys() - progress.results.keys())
                seen |= {id_ for id_, receipt in progress.results.items() if receipt.outcome in REACHED}
                shown |= {(case.id, id_) for id_ in seen}
        hidden = {d.recipient for d in self.deliveries if not d.lost and (d.case, d.recipient) not in shown}
        with self._kept():
            self.tries.everybody_accounted_for(lost, f"nothing is known: {self.told}")
            self.tries.everybody_accounted_for(hidden, f"have a message: {self.told}")

    def _of(self, case: int, recipient: str, now: datetime) -> tuple[frozenset[str], datetime]:
        """The ports that somebody of a case hangs on, and when its dispatch was started."""
        del case
        return frozenset(recipient[1]), self.began.get(recipient[1], now)

    def _one_too_many(self, before: Delivery, case: int) -> bool:
        """Whether who has this may not have one of that case, too."""
        del case
        return self._holds(before)

    def _holds(self, delivery: Delivery) -> bool:
        return not delivery.excused and delivery.began + DAY > self.clock.latest
