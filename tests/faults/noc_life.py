"""A NOC whose cases live: several ports at once, hours, two people, what is scheduled, service that is back.

Customers 0 to 2 live on ports 1 and 2, 3 to 5 on ports 3 and 4; customer 9 hangs on ports 1 and 3.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from bot.domain.case import CaseState
from bot.domain.customer import Affected, Contact, Link, Onu
from bot.domain.events import Line
from bot.domain.incident import Incident, Kind, Port
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import BadAnswer
from tests.deciding import Approval
from tests.fakes import ANA, port
from tests.faults.crash_ledger import CrashLedger, Stamped
from tests.faults.life_truth import LifeTruth
from tests.faults.noc import Noc
from tests.faults.story_fakes import StorySource
from tests.faults.truth import Truth

PLACES = ("1", "2", "3", "4")
SHARED = ("1", "3")
OPEN = Hours(time(8), time(21), UTC)
RULES = Rules(
    sends=2,
    send_tries=2,
    settle_seconds=20,
    close_polls=2,
    group_seconds=120,
    customer_hours=OPEN,
    two_person_above=4,
    restored=True,
)
"""One port is for one person to approve, two with other people on them take two."""
ALONE = replace(RULES, two_person_above=0)
AUTO = replace(ALONE, restored_auto=True)
ENDS_WITHIN = timedelta(hours=2)
HOURS = {"n": "now", "l": "later"}


class LifeSource(StorySource):
    """Remembers for each ONU when it was last read as online."""

    truth: LifeTruth
    unreadable: set[str]

    async def affected(self, incident_id: str) -> Affected:
        if incident_id in self.unreadable:
            raise BadAnswer("html")
        return await super().affected(incident_id)

    async def links(self, port: Port) -> dict[str, Link]:
        found = await super().links(port)
        now = self.truth.clock.monotonic()
        self.truth.online |= {serial: now for serial, link in found.items() if link is Link.ONLINE}
        return found


@dataclass
class LifeNoc(Noc):
    """Every method is a step of a story; `said` are the letters of a button (`f`, `n`, `l`)."""

    rules: Rules = RULES

    def __post_init__(self) -> None:
        super().__post_init__()
        self.source: LifeSource = LifeSource(ports={"CB 01": frozenset(f"1/{place}" for place in PLACES)})
        self.source.read_over = self.truth.read_over
        self.source.truth = self.life
        self.source.unreadable = set[str]()
        self.absent: Mapping[str, int] = {}
        self.said_yes = True

    @property
    def unreadable(self) -> set[str]:
        """The alerts that cannot be read."""
        return self.source.unreadable

    @unreadable.setter
    def unreadable(self, ids: set[str]) -> None:
        self.source.unreadable = ids

    def new_truth(self) -> Truth:
        self.life = LifeTruth(self.tries, self.clock, rules=self.rules)
        return self.life

    async def start(self, lines: "list[Stamped] | tuple[()]" = ()) -> None:  # type: ignore[override]
        self.absent = {}
        await super().start(lines)
        assert isinstance(self.ledger, CrashLedger)
        self.ledger.deciding.append(self._decided)

    def _decided(self, at: datetime, lines: Sequence[Line]) -> None:
        for line in lines:
            self.life.decided(at, line, self.book)

    # What people do

    async def person(
        self,
        what: str,
        who: Who,
        ask: Callable[[], Awaitable[object]],
        effect: Callable[[object], None] = lambda _: None,
        *,
        binds: bool = False,
    ) -> None:
        """As it is there; `said_yes` tells whether the last one was answered so."""

        def both(answer: object) -> None:
            self.said_yes = True
            effect(answer)

        self.said_yes = False
        await super().person(what, who, ask, both, binds=binds)

    async def approve(self, number: int, who: Who, said: str = "") -> None:
        case = self.book.cases.get(number)
        gone = case is not None and set(case.members) <= self.truth.gone
        await self._claims(f"approves {number} {said}", number, who, said, gone=gone)

    async def restore(self, number: int, who: Who, said: str = "") -> None:
        await self._claims(f"tells that {number} is back {said}", -number, who, said)

    async def _claims(self, what: str, number: int, who: Who, said: str, *, gone: bool = False) -> None:
        terms = Terms("f" in said, HOURS.get(said[-1:]))  # type: ignore[arg-type]
        at = max(self.clock.now(), self.book.last_at)
        before = number in self.life.now_said
        if terms.hours == "now":
            self.life.now_said.add(number)

        def effect(answer: object) -> None:
            self.life.yes[number].append((who.id, at))
            if isinstance(answer, Approval) and answer.first:
                return
            self.truth.check(not gone, f"case {number} was approved though its outage was seen to be over")
            self.truth.requests[number] = 0
            self.truth.stopped.pop(number, None)

        ask = self.flow.approve if number > 0 else self.flow.restore
        await self.person(what, who, lambda: ask(abs(number), who, terms), effect)
        if not self.said_yes and not any(not one.task.done() for one in self.asked) and not before:
            self.life.now_said.discard(number)

    async def begin(self, number: int, who: Who) -> None:
        await self.person(f"begins {number}", who, lambda: self.flow.begin(number, who))

    async def separate(self, number: int, who: Who) -> None:
        await self.person(f"separates {number}", who, lambda: self.flow.separate(number, who))

    async def resume(self, number: int, who: Who, said: str = "") -> None:
        if said == "n":
            self.life.now_said.add(number)
        terms = Terms(hours="now" if said == "n" else None)
        await self.person(
            f"resumes {number} {said}",
            who,
            lambda: self.flow.resume(number, who, terms),
            lambda _: self.truth.goes_on(number, "", self.clock.now()),
        )

    # What machines do

    def outage(self, place: str, customers: int = 3) -> None:
        """A new incident on a port."""
        self.incidents += 1
        self.truth.story.append(f"outage {self.incidents} on port {place}")
        number, first = str(self.incidents), 0 if place in "12" else 3
        clients = {f"{place}{n}": n for n in range(first, first + customers)}
        if place in SHARED:
            clients["s9"] = 9
        self.source.incidents[number] = Incident(
            number, Kind.LOS, "pon_loss", port(f"1/{place}"), self.clock.now(), len(clients), 61
        )
        self.life.where[number] = place
        self.source.onus[number] = [
            Onu(f"ZTEG{place}{n}", client, f"Cliente {n}", Link.LOS) for client, n in clients.items()
        ]
        for client, n in clients.items():
            self.life.homes[f"c{client}"].add(place)
            self.source.contacts[client] = Contact(client, f"Cliente {n}", f"(61) 99100-000{n}")
        self.down(place)

    def fall(self, places: Sequence[str]) -> None:
        """Several at once."""
        for place in places:
            self.outage(place)

    def back(self, number: str) -> None:
        """The same one: since when it is on is what it was."""
        super().back(number)
        if number in self.source.known:
            self.source.incidents[number] = self.source.known[number]
        self.down(self.place(number))

    def repair(self, number: str) -> None:
        """Over, and everybody online but whom the story says is not."""
        super().repair(number)
        if number in self.source.onus:
            self.source.back |= {onu.serial for onu in self.source.onus[number]}

    def down(self, which: str) -> None:
        """A port's ONUs, or one of them (`11`), are offline, as their own status says."""
        self.truth.story.append(f"{which} offline")
        self.source.back = {serial for serial in self.source.back if not serial.startswith(f"ZTEG{which}")}

    def up(self, which: str) -> None:
        """They are online."""
        self.truth.story.append(f"{which} online")
        serials = (onu.serial for onus in self.source.onus.values() for onu in onus)
        self.source.back |= {serial for serial in serials if serial.startswith(f"ZTEG{which}")}

    def underestimates(self) -> None:
        """The source says that every outage has one customer."""
        self.source.incidents |= {
            id_: replace(i, affected=1, total=None) for id_, i in self.source.incidents.items()
        }

    def place(self, number: str) -> str:
        return self.source.onus[number][0].serial[4]

    async def poll(self) -> None:
        listed, fails = set(self.source.incidents), bool(self.source.poll_errors)
        held = isinstance(self.ledger, CrashLedger) and self.ledger.held
        whole = not fails and self.source.complete and not held
        known = set(self.book.by_incident)
        if whole:
            self.absent = {id_: self.absent.get(id_, 0) + 1 for id_ in known - listed}
            gone = {id_ for id_, polls in self.absent.items() if polls >= self.rules.close_polls}
            before = self.life.gone_for_good - listed
            self.life.gone_for_good = before | (gone & self.said_over())
            self.life.listed_now &= listed
        waited = len(self.asked)
        await super().poll()
        if whole and len(self.asked) == waited:
            self.life.listed_now = listed
            self.truth.gone = set(self.life.gone_for_good)
        else:
            self.truth.gone &= self.life.gone_for_good

    async def later(self, at: time) -> None:
        """It is that time of day, and the program has run until then."""
        now = max(self.clock.now(), self.book.last_at)
        then = datetime.combine(now, at, UTC)
        then += timedelta(days=then <= now)
        self.set_clock((then - self.clock.now()) / timedelta(hours=1))
        self.flow.alive()
        await self.advance(1)

    def holds(self) -> None:
        super().holds()
        on = [id_ for case in self.book.cases.values() if case.id > 0 for id_ in (i.id for i in case.on)]
        self.truth.check(len(on) == len(set(on)), "an incident is in two cases")
        astray = [id_ for id_ in on if self.book.by_incident[id_] not in self.book.open]
        self.truth.check(not astray, f"incidents {astray} are on, and their cases are over")

    async def to_the_end(self) -> None:
        """What is scheduled begins when its time comes; the end itself is at noon."""
        if isinstance(self.ledger, CrashLedger):
            self.ledger.hold(held=False)
        self.unreadable.clear()
        scheduled = [n for n in self.book.running if self.book.cases[n].state is CaseState.SCHEDULED]
        now = max(self.clock.now(), self.book.last_at)
        if scheduled or not OPEN.include(now) or not OPEN.include(now + ENDS_WITHIN):
            due = [self.book.cases[number].dispatches[-1].due or now for number in scheduled]
            noon = max([now, *due]).replace(hour=12)
            self.clock.set(noon + timedelta(days=noon <= max([now, *due])) - self.clock.now())
            await self.crash()
            if self.book.unconfirmed is not None:
                await self.confirm(ANA)
            self.source.complete = True
            self.source.poll_errors.clear()
            await self.poll()
            await self.advance(60)
        cases = [self.book.cases[n] for n in scheduled if n in self.book.cases]  # a crash may have lost one
        left = [case.id for case in cases if case.state is CaseState.SCHEDULED]
        self.truth.check(not left, f"cases {left} were due, and nothing came of it")
        await super().to_the_end()
