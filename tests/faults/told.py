"""A life of a few outages whose messages' receipts come in any order, twice, late, never, and over crashes.

The truth is what the pretend phones have and what of it was told; our own ledger is only asked what it says.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace

from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.results import fate
from bot.domain.delivery import Arrival, Arrived, DeliveryNews, Place, place_in
from bot.domain.phone import phone_key
from bot.domain.plan import Message, Outcome, Receipt
from bot.errors import Declined, TryLater
from bot.steps import unknown
from bot.storage.memory import MemoryLedger
from tests.chat.screens import PT, assert_arrives
from tests.fakes import ANA
from tests.faults.tries import Tries
from tests.steps.conftest import Desk

FAILURES = ("wa_131026", "wa_131049", None)
_TOLD = {Arrival.READ: 3, Arrival.RECEIVED: 2, Arrival.UNDELIVERED: 1}


@dataclass
class Sent:
    """One message that WhatsApp has: what becomes of it, and what of that was told to the bot."""

    message: Message
    reference: str
    fate: tuple[DeliveryNews, ...]
    left: list[DeliveryNews]
    told: list[DeliveryNews] = field(default_factory=list)

    @property
    def arrives(self) -> bool:
        return any(one.arrival in {Arrival.RECEIVED, Arrival.READ} for one in self.fate)


class Life:
    """One random life; `end` says what is wrong with what the bot says."""

    def __init__(self, tries: Tries, rng: random.Random) -> None:
        self.tries, self.rng = tries, rng
        self.desk = Desk()
        self.desk.use(undo_seconds=0, cooldown_hours=24)
        self.sent: list[Sent] = []
        self.resent: set[Place] = set()
        self.desk.gateway.send = self._send  # type: ignore[method-assign]

    async def play(self) -> None:
        await self.desk.flow.start("test")
        for _ in range(self.rng.randrange(6, 20)):
            step = self.rng.choices(
                (self._outage, self._tell, self._crash, self._resend, self._time), (3, 8, 2, 2, 2)
            )[0]
            await step()
        for _ in range(3):
            await self._tell(everything=self.rng.random() < 0.7)
        await self.desk.clock.advance(30)
        self._judge()
        before = [self._of(number) for number in self.desk.ledger.book.cases]
        self.desk.ledger = MemoryLedger(self.desk.clock, self.desk.ledger.lines)
        self.tries.check(
            before == [self._of(number) for number in self.desk.ledger.book.cases],
            "a start says another thing",
        )
        await self.desk.tasks.drain(0)
        self.tries.runs += 1

    async def _send(self, message: Message) -> Receipt:
        """What the gateway answers, and what WhatsApp then does with it."""
        await asyncio.sleep(0)
        kind = self.rng.choices(
            ("accepted", "held", "lost", "never", "rejected", "later"), (8, 1, 2, 1, 1, 1)
        )[0]
        if kind == "later":
            raise TryLater("busy")
        if kind == "rejected":
            return Receipt(Outcome.REJECTED, reason="wa_131026")
        reference = f"wamid.{len(self.sent)}"
        if kind != "never":
            self._arrives(message, reference)
        if kind != "never" and self.rng.random() < 0.2:  # it overtakes our answer
            one = self.sent[-1]
            one.told, one.left = one.left, []
            await self.desk.flow.receipts.hear([replace(news) for news in one.told])
            await self.desk.clock.sleep(self.rng.choice((0.1, 1.0)))
        if kind in {"lost", "never"}:
            return Receipt(Outcome.UNKNOWN, reason="reset")
        return Receipt(Outcome.HELD if kind == "held" else Outcome.ACCEPTED, reference)

    def _arrives(self, message: Message, reference: str) -> None:
        way = self.rng.choice(
            (
                (Arrival.SENT, Arrival.RECEIVED, Arrival.READ),
                (Arrival.SENT, Arrival.RECEIVED),
                (Arrival.READ,),
                (Arrival.SENT, Arrival.UNDELIVERED),
                (Arrival.UNDELIVERED,),
                (Arrival.SENT,),
                (),
            )
        )
        now, about = self.desk.clock.now(), message.about if self.rng.random() < 0.9 else ""
        why = self.rng.choice(FAILURES)
        fate = tuple(
            DeliveryNews(reference, arrival, now, about, why if arrival is Arrival.UNDELIVERED else None)
            for arrival in way
        )
        self.sent.append(Sent(message, reference, fate, list(fate)))

    async def _outage(self) -> None:
        number = len(self.desk.ledger.book.cases) + 1
        self.desk.fall(f"1/{number}", customers=self.rng.randrange(1, 4))
        if number > 1 and self.rng.random() < 0.5:  # the same people, on another port
            self.desk.source.onus[str(number)] = list(self.desk.source.onus["1"])
        await self.desk.poll()
        try:
            await self.desk.approve(number)
        except Declined:
            return

    async def _tell(self, *, everything: bool = False) -> None:
        """Some of what was not told yet, in any order, some of it twice, some of it as before."""
        batch: list[DeliveryNews] = []
        for one in self.sent:
            for news in list(one.left):
                if everything or self.rng.random() < 0.3:
                    one.left.remove(news)
                    one.told.append(news)
                    batch += [replace(news, at=self.desk.clock.now())] * self.rng.choice((1, 1, 2))
            if one.told and self.rng.random() < 0.2:
                batch.append(replace(self.rng.choice(one.told), at=self.desk.clock.now()))
        self.rng.shuffle(batch)
        batch = [replace(news) for news in batch]
        for n in range(0, len(batch), 3):
            await self.desk.flow.receipts.hear(batch[n : n + 3])
        if self.rng.random() < 0.5:
            await self.desk.clock.advance(1)

    async def _crash(self) -> None:
        """The process is gone; what was told and not worked on is on the disk."""
        left = [replace(news) for news in self.desk.inbox.held]
        self.desk.inbox.held = list(left)
        await self.desk.restart()
        self.desk.flow.receipts.take(left)
        self.tries.kills += 1

    async def _resend(self) -> None:
        """A person has a send in doubt sent again."""
        for number in list(self.desk.ledger.book.doubtful):
            dispatch = self.desk.ledger.book.cases[number].dispatches[-1]
            for recipient in dispatch.in_doubt()[:1]:
                try:
                    await self.desk.flow.decide(
                        unknown.resend(unknown.Choose(number, recipient.id), ANA, self.desk.rules)
                    )
                except Declined:
                    continue
                self.resent.add(Place(number, dispatch.attempt, recipient.id))
                await self.desk.finish()

    async def _time(self) -> None:
        await self.desk.clock.advance(self.rng.choice((1, 60, 120)))

    def _judge(self) -> None:
        """Every number and every word against what the phones have and what was told of it."""
        people = Counter(
            phone_key(one.message.phone)
            for one in self.sent
            if one.arrives and place_in(one.message.about, None) not in self.resent
        )
        self.tries.nobody_twice(people.elements(), "receipts")
        for number, case in self.desk.ledger.book.cases.items():
            for dispatch in case.dispatches:
                sends = dispatch.progress
                if sends is None:
                    continue
                wanted: dict[str, DeliveryNews] = {}
                for id_ in sends.recipients:
                    told = self._told(Place(number, dispatch.attempt, id_), sends.results.get(id_))
                    if told is not None:
                        wanted[id_] = told
                failed = Counter(
                    one.reason or "" for one in wanted.values() if one.arrival is Arrival.UNDELIVERED
                )
                read = sum(one.arrival is Arrival.READ for one in wanted.values())
                got = len(wanted) - failed.total()
                tally = dispatch.tally()
                assert tally is not None
                self.tries.check(
                    tally.arrived == Arrived(got, read, failed), f"case {number}: {tally.arrived}"
                )
                warned = {r.id for r in case.accepted()}
                lost = {id_ for id_, one in wanted.items() if one.arrival is Arrival.UNDELIVERED}
                self.tries.check(lost.isdisjoint(warned), f"case {number}: {lost & warned} were not warned")
                if dispatch is case.dispatch:
                    self._look_at_card(number, got, failed.total())

    def _told(self, place: Place, known: Receipt | None) -> DeliveryNews | None:
        """The most that was told of the messages to a recipient, by what the bot may conclude."""
        mine = [one for one in self.sent if place_in(one.message.about, None) == place]
        id_ = None if known is None else known.reference
        told = [news for one in mine for news in one.told if news.arrival is not Arrival.SENT]
        told = [news for news in told if news.about or news.reference == id_]  # else nobody can tell whose
        got = [news for news in told if news.arrival is not Arrival.UNDELIVERED]
        if got or not told:
            return max(got, key=lambda news: _TOLD[news.arrival], default=None)
        if place in self.resent:
            return None  # that one of two failed says nothing
        return told[0] if told else None

    def _look_at_card(self, number: int, got: int, failed: int) -> None:
        book = self.desk.ledger.book
        case = book.cases[number]
        text = assert_arrives(card(case, book, book.last_at, PT, rules=self.desk.rules))
        for n, one, many in ((got, "entregue", "entregues"), (failed, "não entregue", "não entregues")):
            said = f"{n} {one if n == 1 else many}"
            self.tries.check((f" · {said}" in text) is (n > 0), f"case {number} says not {said}: {text}")
        dispatch = case.dispatch
        assert dispatch is not None
        rows = Counter(
            fate(case, r.id.removeprefix("c"), "", PT).partition(":")[0]
            for r in dispatch.sends.recipients.values()
        )
        self.tries.check(rows["entregue"] + rows["lida"] == got, f"case {number}: its rows say {rows}")
        self.tries.check(rows["não entregue"] == failed, f"case {number}: its rows say {rows}")

    def _of(self, number: int) -> object:
        return [dispatch.tally() for dispatch in self.desk.ledger.book.cases[number].dispatches]
