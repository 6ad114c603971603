"""Lives of the program over a simulated disk, with the truth beside them.

A life is a start, a poll, decisions, sends and a stop of the real flow over the real file ledger. It is
photographed before and after every step of the disk and at every request; what a crash at that moment may
leave (`Left`) is the beginning of another life. What must hold is checked in each one.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from typing import Literal

from bot.directories.own import Own
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.events import CardPosted, Line, Resumed, StopAsked
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.plan import REACHED, RESTORED, Message, Outcome, Receipt, Sent
from bot.domain.rules import Rules
from bot.errors import Declined, LedgerClosed, StartupError, TryLater
from bot.flow.deps import Deps
from bot.ports import Write
from bot.process.tasks import Tasks
from bot.storage import codec
from bot.storage.checkpoint import renew
from bot.storage.files import FileLedger
from bot.storage.people.store import known
from bot.storage.segments import ledger_folder, segment_name
from tests.deciding import DecidingFlow
from tests.fakes import ANA, BRUNO, FakeChat, FakeInbox, FakeLimiter, FakeSource, FakeStaff, incident
from tests.faults.disk_image import ROOT, Snapshot
from tests.faults.sim_disk import SimDisk, Trouble
from tests.faults.sim_time import LeapClock, LeapThread
from tests.faults.tries import Tries
from tests.people import nameless

FOLDER = ROOT / "noc" / "data"
# At noon, when most lives begin, customers may not be written to for two minutes.
HOURS = Hours(time(15, 2), time(14, 59), UTC)
RULES = Rules(undo_seconds=1.0, answer_within=30.0, customer_hours=HOURS, restored=True)
OVER, SCHEDULED, DENIED = 1, 2, 3
BACK = ", back"
"""Behind the phone of who was told that service is back: that is another message."""
Lines = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """What a crash left: the disk, when, and what nobody may forget.

    `received` are the phones that the gateway delivered to, `acknowledged` the lines whose commit had
    returned, `torn` what was behind the last whole group when an earlier start found it, `ruined` whether the
    disk lost anything that the program had given it.
    """

    at: datetime
    disk: Snapshot = field(default_factory=Snapshot)
    received: tuple[str, ...] = ()
    acknowledged: Lines = ()
    torn: Lines = ()
    ruined: bool = False
    story: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """One moment of a life; `flying` are the phones of requests that may or may not arrive."""

    what: str
    left: Left
    flying: tuple[str, ...]


class World:
    """Four outages: two share a customer, two share a port, one is denied, one is over at some time."""

    def __init__(self) -> None:
        self.source = FakeSource()
        self.source.outage(incident(1), customers=3)
        self.source.outage(incident(2, place="7/1"), customers=2, first=102)
        self.source.outage(incident(3, place="8/1"), customers=1, first=110)
        self.source.outage(incident(4), customers=1, first=120)


class Gateway:
    """Delivers, slowly, what it accepts; answers late, without saying what it did, or not at first."""

    name = "sim"

    def __init__(self, rng: random.Random, received: Sequence[str], seen: Callable[[str], None]) -> None:
        self._rng, self._seen = rng, seen
        self.received, self.flying = list(received), list[str]()

    async def send(self, message: Message) -> Receipt:
        luck, slow = self._rng.random(), self._rng.random() < 0.1
        what = message.phone + (BACK if message.template == RESTORED else "")
        self.flying.append(what)
        self._seen("a request has left")
        await asyncio.sleep(self._rng.choice((0.001, 0.05, 0.3)))
        self.flying.remove(what)
        if luck < 0.08:
            raise TryLater("throttled", 0.2)
        if luck < 0.12:
            return Receipt(Outcome.REJECTED, reason="refused")
        if luck < 0.16:
            return Receipt(Outcome.UNKNOWN, reason="no_answer")
        self.received.append(what)
        self._seen("a message was delivered")
        await asyncio.sleep(40.0 if slow else self._rng.choice((0.001, 0.05)))
        return Receipt(Outcome.UNKNOWN, reason="reset") if luck < 0.22 else Receipt(Outcome.ACCEPTED)

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:
        return None

    async def probe(self) -> str:
        return "sim"


class Noted(FileLedger):
    """Remembers whose commit returned."""

    acknowledged: list[bytes]

    async def commit(self, write: Write) -> Sequence[Line]:
        lines = await super().commit(write)
        if self.closed is None:
            self.acknowledged += map(codec.fields, lines)
        return lines


def segments(disk: SimDisk) -> Iterator[tuple[str, bytes]]:
    """The ledger's files in order."""
    folder = ledger_folder(FOLDER)
    for name in disk.names(folder):
        if name.endswith(".jsonl"):
            yield name, disk.read(folder / name)


def put_aside(disk: SimDisk) -> list[bytes]:
    shelf = ledger_folder(FOLDER) / "quarantine"
    return [disk.read(shelf / name) for name in disk.names(shelf) if name.endswith(".bin")]


class Life:
    """One run of the program on what the last one left, to its end or to a disk that fails."""

    def __init__(
        self, left: Left, seed: int, tries: Tries, *, watched: bool = False, trouble: Trouble | None = None
    ) -> None:
        self.left, self.tries, self.seed = left, tries, seed
        self.rng = random.Random(seed)  # noqa: S311
        self.photos: list[Photo] = []
        self.watched = watched
        self.torn = list(left.torn)
        self.disk = SimDisk(left.disk, self._seen, trouble)
        self.gateway = Gateway(self.rng, left.received, self._seen)
        self.ledger: Noted | None = None
        self.tasks = Tasks()
        self.hasty = self.rng.random() < 0.3
        self.story = f"{left.story or 'from the beginning'}; seed {seed}"
        self.clock: LeapClock

    def _seen(self, what: str) -> None:
        if not self.watched:
            return
        acknowledged = self.left.acknowledged if self.ledger is None else tuple(self.ledger.acknowledged)
        left = Left(
            self.clock.now(),
            self.disk.snapshot(),
            tuple(self.gateway.received),
            acknowledged,
            tuple(self.torn),
            story=self.left.story,
        )
        self.photos.append(Photo(what, left, tuple(self.gateway.flying)))

    async def run(self) -> None:
        self.tries.runs += 1
        self.clock = LeapClock(self.left.at)
        try:
            ledger = self._open()
        except StartupError:
            self.tries.check(bool(self.disk.failed), f"no start on a mere crash: {self.story}")
            return
        flow = self._flow(ledger)
        await flow.start("test")
        await flow.poll()
        await self._cards(ledger)
        await self._confirm(flow, ledger)
        for _ in range(7):
            busy = await self._decide(flow, ledger)
            busy |= await self._waited(flow, ledger)
            await self._over()
            self._checkpoint(ledger)
            if not busy:
                break
        await flow.stopped()
        self._checkpoint(ledger)
        live = ledger.book
        failed = ledger.closed is not None
        await ledger.close()
        self._seen("at the end")
        self.tries.nobody_twice(self.gateway.received, self.story)
        self.tries.check(not self.disk.written_unlocked, f"written without the lock: {self.story}")
        if self.disk.failed:
            return
        self.tries.check(not failed, f"the ledger closed on a good disk: {self.story}")
        self._whole(live)
        self._accounted(live)

    def _checkpoint(self, ledger: Noted) -> None:
        """As a child and a stop write it, at some times; what a crash leaves of it the next life finds."""
        if ledger.closed is None and self.rng.random() < 0.5:
            with suppress(OSError):
                renew(self.disk, FOLDER, ledger.head.seq)

    def _open(self) -> Noted:
        before = dict(segments(self.disk))
        ledger = Noted.open(FOLDER, self.clock, self.disk)
        ledger._thread = LeapThread(self.rng)
        ledger.acknowledged = list(self.left.acknowledged)
        self.ledger = ledger
        self.tries.check(ledger.closed is None, f"closed by a mere crash ({ledger.closed}): {self.story}")
        self.tries.check(ledger.recovery.doubt is None, f"a crash looks like an old copy: {self.story}")
        after = dict(segments(self.disk))
        for name, data in before.items():
            kept = after.get(name, b"")
            self.tries.check(data.startswith(kept), f"{name} is not what it was: {self.story}")
            self.torn += [data[len(kept) :]] if len(kept) < len(data) else []
        lost = set(self.torn) - set(put_aside(self.disk))
        self.tries.check(not lost, f"a torn tail is nowhere: {self.story}")
        if not any(file.pending for file in self.left.disk.files.values()):  # else it may still be lost
            torn = tuple(self.torn)
            self.photos = [replace(photo, left=replace(photo.left, torn=torn)) for photo in self.photos]
        lines = b"".join(after.values())
        for line, times in Counter(self.left.acknowledged).items():
            there = lines.count(line) >= times
            self.tries.check(there, f"forgotten: {line[:60]!r}: {self.story}")
        return ledger

    def _flow(self, ledger: Noted) -> DecidingFlow:
        self.source = World().source
        if OVER in ledger.book.cases and ledger.book.cases[OVER].ended_at is not None:
            self._ends()
        deps = Deps(
            self.source,
            Own(self.source),
            self.gateway,
            FakeLimiter(),
            ledger,
            FakeChat(),
            self.clock,
            self.rng,
            self.tasks.spawn,
            FakeStaff(),
            FakeInbox(),
            (self.source,),
        )
        return DecidingFlow(deps, replace(RULES, sends=self.rng.choice((1, 2, 10))))

    async def _cards(self, ledger: Noted) -> None:
        for case in [case for case in ledger.book.cases.values() if case.card is None]:
            card = CardPosted(case.id, -100, case.id)
            with suppress(LedgerClosed):
                await ledger.commit(lambda _book, _now, card=card: [card])  # type: ignore[misc]

    async def _confirm(self, flow: DecidingFlow, ledger: Noted) -> None:
        """After a long silence nothing goes out until somebody says that the ledger is the right one."""
        if ledger.book.unconfirmed is None:
            return
        await asyncio.sleep(10)
        sent = self.gateway.received + self.gateway.flying
        self.tries.check(sent == list(self.left.received), f"sent by an old ledger: {self.story}")
        with suppress(LedgerClosed):
            await flow.confirm(ANA)

    async def _decide(self, flow: DecidingFlow, ledger: Noted) -> bool:
        """Everybody taps at once wherever a card asks; whether something was decided."""
        taps = [self._tap(flow, case) for case in ledger.book.cases.values()]
        return any(await asyncio.gather(*taps, self._think_again(flow)))

    def _ends(self) -> None:
        """The outage is over, and everybody of it online but one."""
        self.source.known |= self.source.incidents
        self.source.repair(OVER)
        self.source.back |= {onu.serial for onu in self.source.onus[str(OVER)][1:]}

    async def _waited(self, flow: DecidingFlow, ledger: Noted) -> bool:
        """What was scheduled has begun; once its customers were told an outage is over."""
        cases = ledger.book.cases.values()
        if any(case.state is CaseState.SCHEDULED for case in cases):
            await asyncio.sleep(150)
            await flow.poll()
            return True
        case = ledger.book.cases.get(OVER)
        if case is None or case.running or not case.dispatches or str(OVER) not in self.source.incidents:
            return False
        self._ends()
        await flow.poll()
        return True

    async def _think_again(self, flow: DecidingFlow) -> bool:
        """Once in some lives: Cancelar, in the countdown or when messages have left."""
        if self.hasty:
            self.hasty = False
            await asyncio.sleep(self.rng.uniform(0.0, 1.5))
            with suppress(Declined, LedgerClosed):
                await flow.cancel(1, ANA)
                return True
        return False

    async def _over(self) -> None:
        """What runs has ended, late answers too."""
        while running := set(self.tasks._running):
            _, left = await asyncio.wait(running, timeout=1000)
            self.tries.check(not left, f"a dispatch does not end: {self.story}")

    async def _tap(self, flow: DecidingFlow, case: Case) -> bool:
        try:
            if case.undecided and case.id == DENIED:
                await flow.deny(case.id, ANA, "planned")
            elif case.ended_at is not None and case.restores is None and not case.running:
                await flow.restore(case.id, BRUNO, Terms(hours="now"))
            elif case.undecided and case.restores is None:
                later: Literal["now", "later"] = "later" if case.id == SCHEDULED else "now"
                await flow.approve(case.id, BRUNO, Terms(hours=later))
            elif case.state is CaseState.INTERRUPTED and self.rng.random() < 0.2:
                await flow.close(case.id, ANA)
            elif case.state is CaseState.INTERRUPTED:
                await flow.resume(case.id, ANA, Terms(hours="now"))
            else:
                return False
        except (Declined, LedgerClosed):
            return False
        return True

    def _whole(self, live: Book) -> None:
        """The files hold whole groups in order and nothing else, and say what the book says."""
        book, seq, group, prev, left = Book(), 0, 1, codec.NO_LINE, 0
        for name, data in segments(self.disk):
            for raw in data.split(b"\n")[:-1]:
                try:
                    entry = codec.unseal(raw)
                except codec.BadLine as bad:
                    self.tries.check(False, f"{name} holds something else ({bad}): {self.story}")
                    raise
                seq += 1
                month = segment_name(entry.at) == name
                self.tries.check(month, f"{name}: line {seq} is of another month: {self.story}")
                fits = (entry.seq, entry.group, entry.prev) == (seq, group, prev)
                self.tries.check(fits, f"{name}: line {seq} is out of place: {self.story}")
                book.apply(entry.at, entry.line)
                left, prev = entry.left, codec.digest(raw)
                book.stands(entry.line, seq, prev)
                group += left == 0
            self.tries.check(left == 0 and data[-1:] in b"\n", f"{name} ends torn: {self.story}")
        people = known(self.disk, FOLDER)
        if people is not None:
            people.fill(book)
        live.own = None if live.own is None else nameless(live.own)  # type: ignore[arg-type]
        self.tries.check(vars(book) == vars(live), f"the book is not the fold of its lines: {self.story}")

    def _accounted(self, book: Book) -> None:
        """Everybody listed is in a plan, has an outcome, and not another than the gateway's."""
        source, maybe, sure = World().source, set[str](), set[str]()
        reached = Counter[str]()
        for case in book.cases.values():
            for dispatch in case.dispatches:
                if dispatch.progress is None:
                    continue
                plan, results = dispatch.progress.recipients, dispatch.progress.results
                listed = {f"c{onu.client_id}" for onu in source.onus[case.incident.id]}
                if case.restores is not None:
                    listed = {told.id for told in book.cases[case.restores].accepted()}
                self.tries.everybody_accounted_for(listed - plan.keys(), self.story)
                due = {r.id for r in plan.values() if r.skip is None}
                open_ = due - results.keys() if dispatch.end not in {"closed", "stopped"} else set()
                self.tries.everybody_accounted_for(sorted(open_), self.story)
                for recipient, receipt in results.items():
                    phone = (plan[recipient].phone or "") + (BACK if case.restores is not None else "")
                    maybe |= {phone} if receipt.outcome in REACHED else set()
                    sure |= {phone} if receipt.outcome is Outcome.ACCEPTED else set()
                reached[case.incident.port.key] += dispatch.reached and case.restores is None
        stopped = set[tuple[int | None, int]]()
        for entry in book.audit:
            about = (entry.case, entry.attempt)
            stopped |= {about} if isinstance(entry.line, StopAsked) else set()
            gone_on = isinstance(entry.line, Resumed) and about in stopped
            self.tries.check(not gone_on, f"a stopped dispatch went on: {self.story}")
        received = set(self.gateway.received)
        cold = {what for what in received if what.endswith(BACK)} - {f"{phone}{BACK}" for phone in received}
        self.tries.check(not cold, f"{len(cold)} heard that it is back and were never warned: {self.story}")
        self.tries.check(received <= maybe, f"somebody has one and the ledger says no: {self.story}")
        self.tries.check(sure <= received, f"somebody has none and the ledger says yes: {self.story}")
        self.tries.check(max(reached.values(), default=0) < 2, f"a port was sent to twice: {self.story}")
        undecided = [
            c.id for c in book.cases.values() if c.running or (c.id == DENIED and c.denied_by is None)
        ]
        self.tries.check(not undecided, f"cases {undecided} do not end: {self.story}")
