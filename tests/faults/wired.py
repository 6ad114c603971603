"""One case over real sockets, from the poll to the result line, and whether every promise holds at its rests.

The flow, the gateway's adapter and the OLT source with its login are the real ones. The truth is what the
gateway took (`Wire.took`): that is what the phones have. Results, the card and the ledger's lines are held
against it.
"""

import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bot.chat.screens.cards.card import card
from bot.directories.own import Own
from bot.domain.case import Case, CaseState
from bot.domain.events import Intent, Result
from bot.domain.plan import ARRIVED, IN_DOUBT, Outcome, Receipt, Recipient
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.gateways.pace import Pace
from bot.process.tasks import Tasks
from bot.simulator.olt import OltApi
from bot.simulator.world import World
from bot.sources.oltcloud.oltcloud import OltCloud
from bot.storage.memory import MemoryLedger
from tests.chat.screens import PT, assert_arrives
from tests.deciding import DecidingFlow
from tests.fakes import ANA, FakeChat, FakeClock, FakeInbox, FakeStaff
from tests.faults import wire as wires
from tests.faults.rows import Table
from tests.faults.spoken import SPEECHES
from tests.faults.spoken.row import PATIENCE, Row
from tests.faults.tries import Tries
from tests.faults.wire import Wire

CUSTOMERS, SOME, IN_FLIGHT, BREAKS_AFTER = 9, 4, 3, 5
RULES = Rules(undo_seconds=0, sends=IN_FLIGHT, send_patience=PATIENCE)
_COUNTS = re.compile(
    r"(\d+) (enviada|incerta|sem confirmação|retida|recusada|falha|não enviada)s?(?= ·|\n|$)"
)


@dataclass
class Site:
    """What all stories share: one outage, its source, the gateway and what may befall it."""

    name: str
    api: OltApi
    source: OltCloud
    wire: Wire
    table: Table
    phones: list[str]


@asynccontextmanager
async def site(gateway: str) -> AsyncIterator[Site]:
    speech = SPEECHES[gateway]
    world = World()
    world.outage(CUSTOMERS)
    phones = [f"55{customer.phone_number}" for customer in world.customers.values()]
    async with OltApi(world) as api, wires.opened(speech) as wire:
        zone, clock = ZoneInfo("America/Sao_Paulo"), FakeClock(auto=True)
        source = OltCloud(api.url, f"{api.url}/api/token", api.user, api.password, zone=zone, clock=clock)
        try:
            yield Site(gateway, api, source, wire, Table(speech), phones)
        finally:
            await source.aclose()


@dataclass
class Story:
    """One case, from its card to its end. `name` is for the person who reads a violation.

    `before` is what was known, and `lost` the run of failures, when it was last let go on.
    """

    name: str
    site: Site
    tries: Tries
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto=True))
    seed: int = 0
    rules: Rules = RULES
    tasks: Tasks = field(default_factory=Tasks)
    pace: Pace | None = None
    before: dict[str, Receipt] = field(default_factory=dict)
    lost: int = 0

    def __post_init__(self) -> None:
        self.tries.runs += 1
        self.name = f"{self.site.name}: {self.name}"
        self.wire = self.site.wire
        self.wire.clear()
        self.ledger = MemoryLedger(self.clock)
        rng = random.Random(self.seed)  # noqa: S311
        source, pace = self.site.source, self.pace or Pace(0, self.clock)
        chat, spawn = FakeChat(), self.tasks.spawn
        deps = Deps(
            source,
            Own(source),
            self.wire,
            pace,
            self.ledger,
            chat,
            self.clock,
            rng,
            spawn,
            FakeStaff(),
            FakeInbox(),
            (source,),
        )
        self.flow = DecidingFlow(deps, self.rules)

    @property
    def case(self) -> Case:
        return self.ledger.book.cases[1]

    @property
    def recipients(self) -> list[Recipient]:
        progress = self.case.dispatches[-1].progress
        everybody = progress.recipients.values() if progress is not None else ()
        return [recipient for recipient in everybody if recipient.skip is None]

    @property
    def results(self) -> dict[str, Receipt]:
        progress = self.case.dispatches[-1].progress
        return progress.results if progress is not None else {}

    async def open(self) -> None:
        await self.flow.start("test")
        await self.flow.poll()

    async def go(self) -> bool:
        """Approve or go on, as a person would; False where the case is at its end."""
        self.lost = self._lost() + (self.lost if self._lost() == len(self._last()) else 0)
        self.wire.met.clear()
        self.before = {}
        if self.case.undecided:
            await self.flow.approve(1, ANA)
        elif self.case.state is CaseState.INTERRUPTED:
            # Whom it never left for is tried again when a person lets it go on; nobody else is.
            self.before = {id_: r for id_, r in self.results.items() if r.outcome is not Outcome.FAILED}
            await self.flow.resume(1, ANA)
        else:
            return False
        return True

    async def through(self) -> None:
        """The dispatch has come to rest."""
        left = await self.tasks.drain(30)
        self.tries.check(left == 0, f"the dispatch hangs: {self.name}")
        self.judge()

    def judge(self) -> None:
        """Hold the book against what the gateway took and what each attempt met."""
        repeated = self.wire.repeated()
        self.tries.check(not repeated, f"the library sent {len(repeated)} a second time: {self.name}")
        self.tries.nobody_twice(self.wire.took.elements(), self.name)
        todo = {recipient.id for recipient in self._todo()}
        missing = [r.id for r in self.recipients if r.id not in self.results and r.id not in todo]
        self.tries.everybody_accounted_for(missing, self.name)
        for recipient in self.recipients:
            self._judge_one(recipient, self.results.get(recipient.id))
        if todo or self.case.dispatches[-1].end == "halted":
            self.tries.check(self._may_halt(), f"{len(todo)} were left out without a reason: {self.name}")
        self._judge_card(len(todo))
        self._judge_ledger()

    def _judge_one(self, recipient: Recipient, result: Receipt | None) -> None:
        phone = recipient.phone or ""
        told = result is not None and result.outcome in ARRIVED | IN_DOUBT
        self.tries.check(not self.wire.took[phone] or told, f"told, and called {result}: {self.name}")
        if recipient.id in self.before:
            return self.tries.check(result == self.before[recipient.id], f"changed: {self.name}")
        met = self.wire.met.get(phone, [])
        safe = all(row is not None and row.outcome is None for row in met[:-1])
        self.tries.check(safe, f"repeated after {[row and row.name for row in met]}: {self.name}")
        dispatch = self.case.dispatches[-1]
        left_out = (Outcome.FAILED, dispatch.end_reason) if dispatch.end == "halted" else None
        wanted = [left_out if end is None else end for end in expected(met)]
        said = None if result is None else (result.outcome, result.reason)
        return self.tries.check(said in wanted, f"{said} instead of {wanted}: {self.name}")

    def _judge_card(self, todo: int) -> None:
        """The card's numbers add up to the plan; the phones have no fewer than it says, and no more."""
        if self.case.dispatches[-1].progress is None:
            return
        book = self.ledger.book
        text = assert_arrives(card(self.case, book, self.clock.now(), PT, rules=self.rules))
        line = next(line for line in text.splitlines() if _COUNTS.search(line))
        said = Counter({what: int(n) for n, what in _COUNTS.findall(line)})
        in_all = len(self.recipients)
        self.tries.check(said.total() == in_all - todo, f"the card says {line} of {in_all}: {self.name}")
        may = said["incerta"] + said["sem confirmação"] + said["retida"]
        have = len(self.wire.took)
        right = said["enviada"] <= have <= said["enviada"] + may
        self.tries.check(right, f"{have} have it, and the card says {line}: {self.name}")

    def _judge_ledger(self) -> None:
        """Nothing came in that was not claimed first, and a start on the same lines says the same."""
        claimed = Counter(line.recipient for _, line in self.ledger.lines if isinstance(line, Intent))
        phones = {r.phone: r.id for r in self.recipients}
        unclaimed = [phone for phone in self.wire.arrived if not claimed[phones[phone]]]
        self.tries.check(not unclaimed, f"{len(unclaimed)} were sent to without a claim: {self.name}")
        ends = {line.recipient: line.outcome for _, line in self.ledger.lines if isinstance(line, Result)}
        known = {id_: r.outcome for id_, r in self.results.items() if id_ in ends}
        self.tries.check(known.items() <= ends.items(), f"{known} where the lines say {ends}: {self.name}")
        again = MemoryLedger(self.clock, self.ledger.lines).book.cases[1]
        tallies = [[d.tally() for d in case.dispatches] for case in (self.case, again)]
        self.tries.check(
            tallies[0] == tallies[1], f"a start says {tallies[1]}, not {tallies[0]}: {self.name}"
        )

    def _todo(self) -> list[Recipient]:
        dispatch = self.case.dispatches[-1]
        return dispatch.progress.todo() if dispatch.progress is not None else []

    def _may_halt(self) -> bool:
        """Whether something was wrong for everybody, or a run of failures opened the breaker."""
        last = self._last()
        asked = any(row.mend for row in last if row is not None)
        return asked or self.lost + self._lost() >= min(BREAKS_AFTER, self.lost + len(last))

    def _last(self) -> list[Row | None]:
        return [rows[-1] for rows in self.wire.met.values()]

    def _lost(self) -> int:
        return sum(row is not None and row.outcome in {None, *IN_DOUBT} for row in self._last())


def expected(met: list[Row | None]) -> list[tuple[Outcome, str | None] | None]:
    """What the result may be (None: none yet, still to do) after attempts that met these rows."""
    if not met:
        return [None]
    row = met[-1]
    if row is None:
        return [(Outcome.ACCEPTED, None)]
    if row.outcome is None:  # given up after all tries, or halted
        return [None, *([(Outcome.FAILED, row.reason)] if len(met) == RULES.send_tries else [])]
    if row.mend is not None and row.outcome is Outcome.REJECTED:
        return [None]  # not this customer's fault
    return [(row.outcome, row.reason)]
