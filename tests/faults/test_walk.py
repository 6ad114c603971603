"""Attack: random orders of everything that people and machines do; after each step every promise holds."""

import asyncio
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.case import CaseState
from bot.domain.who import Who
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from tests.faults.crash_ledger import CrashLedger
from tests.faults.noc import PEOPLE, PORTS, Noc
from tests.faults.story_fakes import Way
from tests.faults.story_time import StoryLoop
from tests.faults.telling import quiet, run
from tests.faults.tries import Tries

EXAMPLES, STEPS = 300, 40
UNDECIDED = (CaseState.WAITING, CaseState.NOBODY)
TAPS = ("approve", "deny", "cancel", "stop", "resume", "close")
people, ports = st.sampled_from(PEOPLE), st.sampled_from(PORTS)
any_case = st.integers(0, 3)  # the last one, the one before ...
# What has an end only later, or none, and what lets a dispatch wait for a person, makes the longest stories.
often = [Way.LATE, Way.LATE_REJECTED, Way.UNREACHED, Way.BAD_KEY, Way.THROTTLED]
some_ways = st.sampled_from([*Way, *often, *often])
runs_of_ways = st.lists(st.tuples(some_ways, st.integers(1, 3)), max_size=3)
troubles = runs_of_ways.map(lambda runs: [way for way, times in runs for _ in range(times)])
resolutions = st.sampled_from(["sent", "call", "resend", "resend", "resend"])
offs = st.sampled_from([0, 0, 0, 1, -1])  # how far the list has changed since the person saw it
olds = st.sampled_from([0, 0, 0, 0, 0, 1, 5, 15])  # how many lines an old copy of the ledger lacks


class Orders(RuleBasedStateMachine):
    """One NOC, one story. Each rule is a step; the promises are checked after each and at the end."""

    tries: ClassVar[Tries]

    def __init__(self) -> None:
        super().__init__()
        self.tries.runs += 1
        self.loop = StoryLoop()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @initialize(files=st.sampled_from([False] * 7 + [True]))
    def begin(self, *, files: bool) -> None:
        if files:
            self._folder = tempfile.TemporaryDirectory()
        self.noc = Noc(self.tries, self.loop, Path(self._folder.name) if self._folder else None)
        self.step(self.noc.start())

    def step(self, *work: Coroutine[object, object, None]) -> None:
        """Run one step (or several in one instant) and see whether everything still holds."""

        async def together() -> None:
            await asyncio.gather(*work)

        run(self.noc, work[0] if len(work) == 1 else together())

    def some(self, which: int, *states: CaseState) -> int:
        """The number of a case in one of these states (in any, where none are named)."""
        return self.which(*states)[which % len(self.which(*states))]

    def which(self, *states: CaseState) -> list[int]:
        """The cases in these states, the last first."""
        cases = self.noc.book.cases.values()
        return sorted((c.id for c in cases if not states or c.state in states), reverse=True)

    # People

    @rule(
        place=ports,
        who=people,
        ways=troubles,
        first=st.sampled_from(["", "", "release", "a day"]),
        seconds=st.sampled_from([6, 60]),
    )
    def goes_out(self, place: str, who: Who, ways: list[Way], first: str, seconds: float) -> None:
        """A dispatch, up to where the gateway keeps it, or has kept it for too long."""
        if first == "release":
            self.step(self.noc.release(place, who))
        elif first == "a day":
            self.noc.set_clock(25)
        self.out(place, who, ways, seconds)

    def out(self, place: str, who: Who, ways: list[Way], seconds: float = 6) -> None:
        self.noc.outage(place)
        self.step(self.noc.poll())
        self.gateway_will(ways)
        self.step(self.noc.approve(self.some(0), who))
        self.step(self.noc.advance(seconds))

    @precondition(lambda self: self.which(*UNDECIDED))
    @rule(which=any_case, who=people)
    def approve(self, which: int, who: Who) -> None:
        self.step(self.noc.approve(self.some(which, *UNDECIDED), who))

    @precondition(lambda self: self.which(*UNDECIDED))
    @rule(which=any_case, deny=st.booleans(), first=st.booleans())
    def two_at_once(self, which: int, *, deny: bool, first: bool) -> None:
        number, (ana, bruno) = self.some(which, *UNDECIDED), PEOPLE
        other = self.noc.deny(number, bruno) if deny else self.noc.approve(number, bruno)
        taps = [self.noc.approve(number, ana), self.noc.approve(number, ana)]
        self.step(*([other, *taps] if first else [*taps, other]))

    @precondition(lambda self: self.which(CaseState.COUNTDOWN, CaseState.SENDING))
    @rule(which=any_case, who=people, after=st.sampled_from([0.0, 4.9, 5.0]))
    def cancel(self, which: int, who: Who, after: float) -> None:
        number = self.some(which, CaseState.COUNTDOWN, CaseState.SENDING)
        if after:
            self.step(self.noc.advance(after))
        self.step(self.noc.cancel(number, who))

    @precondition(lambda self: self.which(CaseState.SENDING))
    @rule(which=any_case, who=people)
    def stop(self, which: int, who: Who) -> None:
        self.step(self.noc.stop(self.some(which, CaseState.SENDING), who))

    @precondition(lambda self: self.which(CaseState.INTERRUPTED))
    @rule(
        which=any_case,
        who=people,
        what=st.sampled_from(["resume", "resume", "close"]),
        meanwhile=st.sampled_from([[], PORTS]),
    )
    def resume(self, which: int, who: Who, what: str, meanwhile: Sequence[str]) -> None:
        """At once, or after the same people were told of another outage."""
        number = self.some(which, CaseState.INTERRUPTED)
        for place in meanwhile:
            self.out(place, who, [])
        self.step(getattr(self.noc, what)(number, who))

    @precondition(lambda self: self.noc.book.unconfirmed is not None)
    @rule(who=people)
    def confirm(self, who: Who) -> None:
        self.step(self.noc.confirm(who))

    @precondition(lambda self: any(map(self.noc.in_doubt, self.which())))
    @rule(
        who=people,
        what=resolutions,
        bulk=st.booleans(),
        off=offs,
    )
    def settles_doubts(self, who: Who, what: str, off: int, *, bulk: bool) -> None:
        number = next(number for number in self.which() if self.noc.in_doubt(number))
        if what == "resend":
            self.step(self.noc.resend(number, who, bulk=bulk, off=off))
        else:
            self.step(self.noc.resolve(number, who, "call" if what == "call" else "sent", bulk=bulk))

    @precondition(lambda self: self.which())
    @rule(which=any_case, who=people, what=st.sampled_from(TAPS))
    def taps_an_old_card(self, which: int, who: Who, what: str) -> None:
        self.step(getattr(self.noc, what)(self.some(which), who))

    @precondition(lambda self: self.noc.book.reservations)
    @rule(place=ports, who=people)
    def release(self, place: str, who: Who) -> None:
        self.step(self.noc.release(place, who))

    # Outages, and the time that they take

    @rule(place=ports, polled=st.booleans())
    def new_outage(self, place: str, *, polled: bool) -> None:
        self.noc.outage(place)
        if polled:
            self.step(self.noc.poll())

    @rule(how=st.sampled_from(["whole", "whole", "fails", "incomplete"]))
    def poll(self, how: str) -> None:
        if how == "fails":
            self.noc.source.poll_errors.append(TryLater("connection"))
        self.noc.source.complete = how != "incomplete"
        self.step(self.noc.poll())

    @precondition(lambda self: self.noc.incidents)
    @rule(which=any_case, what=st.sampled_from(["ends", "back", "reads over", "reads open", "online"]))
    def outage_changes(self, which: int, what: str) -> None:
        number = str(self.noc.incidents - which % self.noc.incidents)
        if what == "ends":
            self.noc.repair(number)
        elif what == "back":
            self.noc.back(number)
        elif what == "online":
            self.noc.online(number, which % 3)
        else:
            self.noc.reads_over(number, over=what == "reads over")

    @precondition(lambda self: self.noc.book.running or self.noc.book.reservations)
    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0, 31.0, 200.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.step(self.noc.advance(seconds))

    @precondition(lambda self: self.noc.book.reservations)
    @rule(hours=st.sampled_from([-1.0, 1.0, 25.0]))
    def clock_jumps(self, hours: float) -> None:
        self.noc.set_clock(hours)
        if hours < 0:
            self.step(self.noc.notices_the_clock())

    # Machines

    def gateway_will(self, ways: list[Way]) -> None:
        self.noc.truth.story.append(f"gateway: {' '.join(way.name.lower() for way in ways)}")
        self.noc.ways.clear()
        self.noc.ways.extend(ways)

    @precondition(lambda self: self.noc.book.running)
    @rule(ways=troubles, away=st.booleans())
    def gateway_changes(self, ways: list[Way], *, away: bool) -> None:
        self.noc.away = away
        self.noc.truth.story.append(f"gateway {'away' if away else 'there'}")
        self.gateway_will(ways)

    @precondition(lambda self: any(map(self.noc.in_doubt, self.which())))
    @rule(lag=st.sampled_from([0.0, 0.0, 120.0, 900.0]))
    def ask_gateway(self, lag: float) -> None:
        self.step(self.noc.ask_gateway(lag))

    @precondition(lambda self: self.noc.truth.flying.total())
    @rule()
    def late_answers_land(self) -> None:
        self.step(self.noc.land())

    @rule(
        error=st.sampled_from(
            [TryLater("http_500"), AnswerLost("timeout"), Refused("403"), BadAnswer("html")]
        )
    )
    def alert_unreadable(self, error: Exception) -> None:
        self.noc.truth.story.append(f"alert: {type(error).__name__}")
        self.noc.source.read_errors = [error]

    @precondition(lambda self: isinstance(self.noc.ledger, CrashLedger) and self.noc.book.running)
    @rule()
    def disk_waits_or_answers(self) -> None:
        assert isinstance(self.noc.ledger, CrashLedger)
        self.noc.truth.story.append("disk answers" if self.noc.ledger.held else "disk waits")
        self.noc.ledger.hold(held=not self.noc.ledger.held)
        self.step(self.noc.advance(0))

    @precondition(lambda self: isinstance(self.noc.ledger, CrashLedger) and self.noc.book.running)
    @rule()
    def a_bug_in_mid_send(self) -> None:
        assert isinstance(self.noc.ledger, CrashLedger)
        self.noc.truth.story.append("a bug at the next claim")
        self.noc.ledger.bug = True

    @precondition(lambda self: self.which())
    @rule(kept=st.booleans(), older=olds, torn=st.booleans(), go_on=st.booleans())
    def crash(self, older: int, *, kept: bool, torn: bool, go_on: bool) -> None:
        self.step(self.noc.crash(kept=kept, older=older, torn=torn))
        if go_on:
            self.step(self.noc.poll())
            self.step(self.noc.advance(6))

    @precondition(lambda self: self.which())
    @rule()
    def clean_stop(self) -> None:
        self.step(self.noc.stop_in_order())

    def teardown(self) -> None:
        try:
            if hasattr(self, "noc") and self.noc.truth.broken is None:
                self.step(self.noc.to_the_end())
        finally:
            self.loop.run_until_complete(self.noc.over())
            self.loop.close()
            if self._folder is not None:
                self._folder.cleanup()


def walk(
    tries: Tries,
    examples: int,
    *,
    shrink: bool,
    derandomize: bool = True,
    machine: type[Orders] = Orders,
) -> None:
    """So many stories. A failing one is shrunk to the shortest that still fails, where `shrink`."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    with quiet():
        run_state_machine_as_test(
            type(machine.__name__, (machine,), {"tries": tries}),
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                derandomize=derandomize,
                database=None,
                deadline=None,
                phases=phases,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    del folder
    walk(tries, EXAMPLES, shrink=False)


@pytest.mark.attack
def test_every_order(tries: Tries) -> None:
    walk(tries, EXAMPLES, shrink=True)


@pytest.mark.soak
def test_more_orders(tries: Tries) -> None:
    walk(tries, 5000, shrink=True, derandomize=False)
