"""Attack: random orders of what may happen in cases' whole lives; after each step every promise holds."""

from collections.abc import Sequence
from datetime import time
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from bot.domain.case import CaseState
from bot.domain.rules import Rules
from bot.domain.who import Who
from tests.fakes import ANA
from tests.faults.noc import PEOPLE
from tests.faults.noc_life import ALONE, AUTO, PLACES, RULES, LifeNoc
from tests.faults.story_fakes import Way
from tests.faults.test_walk import TAPS, UNDECIDED, Orders, any_case, people, troubles, walk
from tests.faults.tries import Tries

EXAMPLES = 200
together = st.sampled_from([("1",), ("1", "2"), ("1", "3"), ("1", "2", "3"), ("3", "4"), PLACES])
waits = st.sampled_from([0.0, 4.9, 6.0, 6.0])
letters = st.sampled_from(["", "", "n", "l", "fn", "fl"])
hours_of_day = st.sampled_from([(20, 59, 50), (22, 0, 0), (8, 0, 0), (12, 0, 0)])


class Lives(Orders):
    """The same NOC with everything that a case's life has."""

    noc: LifeNoc

    @initialize(rules=st.sampled_from([RULES, ALONE, AUTO]))
    def begin(self, *, rules: Rules) -> None:
        self.noc = LifeNoc(self.tries, self.loop, rules=rules)
        self.step(self.noc.start())

    def which(self, *states: CaseState) -> list[int]:
        """As it is there; nobody sees a card of what tells that it is back, but while it is sent."""
        shown = super().which(*states)
        return [number for number in shown if number > 0] if set(states) & {*UNDECIDED} else shown

    def seen(self) -> None:
        """New outages have waited for each other."""
        self.step(self.noc.poll())
        self.step(self.noc.advance(20))
        self.step(self.noc.poll())

    def out(self, place: str, who: Who, ways: list[Way], seconds: float = 6) -> None:
        self.noc.outage(place)
        self.seen()
        self.gateway_will(ways)
        if undecided := self.which(*UNDECIDED):
            self.step(self.noc.approve(undecided[0], who, "n"))
        self.step(self.noc.advance(seconds))

    @rule(places=together, polled=st.booleans())
    def fall(self, places: Sequence[str], *, polled: bool) -> None:
        self.noc.fall(places)
        if polled:
            self.seen()

    @rule(
        places=together,
        ways=troubles,
        said=letters,
        back=troubles,
        how=st.tuples(waits, st.sampled_from(["", "", "the same", "new"])),
    )
    def comes_and_goes(
        self, places: Sequence[str], ways: list[Way], said: str, back: list[Way], how: tuple[float, str]
    ) -> None:
        """Outages, their messages, their end, some hear that it is back, and then it is down again."""
        self.fall(places, polled=True)
        self.gateway_will(ways)
        if not (undecided := self.which(*UNDECIDED)):
            return
        number = undecided[0]
        for who in PEOPLE:
            self.step(self.noc.approve(number, who, f"f{said}"))
        self.step(self.noc.advance(40))
        for n in range(len(places)):
            self.noc.repair(str(self.noc.incidents - n))
        self.gateway_will(back)
        self.step(self.noc.poll())
        self.step(self.noc.poll())
        if not self.noc.rules.restored_auto:
            self.step(self.noc.restore(number, ANA, said))
        self.step(self.noc.advance(how[0]))
        self.again(str(self.noc.incidents), how[1])

    def again(self, number: str, how: str) -> None:
        """An outage that was over is on again."""
        if how == "the same":
            self.noc.back(number)
        elif how:
            self.noc.outage(self.noc.place(number))
        if how:
            self.seen()
            self.step(self.noc.land())
            self.step(self.noc.advance(6))

    @precondition(lambda self: self.which(*UNDECIDED))
    @rule(which=any_case, who=people, said=letters)
    def approve(self, which: int, who: Who, said: str) -> None:
        self.step(self.noc.approve(self.some(which, *UNDECIDED), who, said))

    @precondition(lambda self: self.which(CaseState.SENT))
    @rule(which=any_case, who=people, said=letters, taps=st.integers(1, 2), seconds=waits)
    def restore(self, which: int, who: Who, said: str, taps: int, seconds: float) -> None:
        number = abs(self.some(which, CaseState.SENT))
        self.step(*(self.noc.restore(number, who, said) for _ in range(taps)))
        self.step(self.noc.advance(seconds))

    @precondition(lambda self: self.which(CaseState.SCHEDULED))
    @rule(which=any_case, who=people, what=st.sampled_from(["begin", "begin", "cancel"]))
    def scheduled(self, which: int, who: Who, what: str) -> None:
        self.step(getattr(self.noc, what)(self.some(which, CaseState.SCHEDULED), who))

    @precondition(lambda self: self.which(CaseState.SCHEDULED))
    @rule()
    def its_time_comes(self) -> None:
        self.step(self.noc.later(time(8)))
        self.step(self.noc.poll())
        self.step(self.noc.advance(6))

    @precondition(lambda self: self.which(*UNDECIDED))
    @rule(which=any_case, who=people)
    def separate(self, which: int, who: Who) -> None:
        self.step(self.noc.separate(self.some(which, *UNDECIDED), who))

    @precondition(lambda self: self.which(CaseState.INTERRUPTED))
    @rule(which=any_case, who=people)
    def resume_now(self, which: int, who: Who) -> None:
        self.step(self.noc.resume(self.some(which, CaseState.INTERRUPTED), who, "n"))

    @precondition(lambda self: self.which())
    @rule(which=any_case, who=people, what=st.sampled_from(TAPS))
    def taps_an_old_card(self, which: int, who: Who, what: str) -> None:
        number = self.some(which)
        self.step(getattr(self.noc, what)(abs(number) if what in {"approve", "deny"} else number, who))

    @precondition(lambda self: self.noc.incidents)
    @rule(which=any_case, again=st.sampled_from(["", "new", "the same"]))
    def ends(self, which: int, again: str) -> None:
        """For good, or until it is down again, as the same incident or a new one."""
        number = str(self.noc.incidents - which % self.noc.incidents)
        self.noc.repair(number)
        self.step(self.noc.poll())
        self.step(self.noc.poll())
        self.again(number, again)

    @rule(at=hours_of_day, polled=st.booleans())
    def later(self, at: tuple[int, int, int], *, polled: bool) -> None:
        """Up to a time of day, with a program that runs meanwhile."""
        self.step(self.noc.later(time(*at)))
        if polled:
            self.step(self.noc.poll())
            self.step(self.noc.advance(6))

    @rule(which=st.sampled_from(["1", "3", "10", "33", "19"]), up=st.booleans())
    def links_change(self, which: str, *, up: bool) -> None:
        (self.noc.up if up else self.noc.down)(which)

    @precondition(lambda self: self.noc.incidents)
    @rule(which=any_case)
    def unread(self, which: int) -> None:
        number = str(self.noc.incidents - which % self.noc.incidents)
        self.noc.truth.story.append(f"alert {number} cannot be read, or can")
        self.noc.unreadable ^= {number}


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    del folder
    walk(tries, EXAMPLES, shrink=False, machine=Lives)


@pytest.mark.attack
def test_every_order_of_lives(tries: Tries) -> None:
    walk(tries, EXAMPLES, shrink=True, machine=Lives)


@pytest.mark.soak
def test_more_orders_of_lives(tries: Tries) -> None:
    walk(tries, 4000, shrink=True, derandomize=False, machine=Lives)
