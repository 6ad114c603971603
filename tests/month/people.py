"""The people at the NOC over a month: most cards are approved after minutes, some denied, some missed."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.limits.holds import NO_TERMS, Terms
from bot.domain.limits.silence import Scope
from bot.errors import Asked, Declined
from tests.deciding import DecidingFlow
from tests.fakes import ANA, BRUNO
from tests.month.truth import Cause, Month, moment

ANSWER_WITHIN = (60.0, 600.0)  # seconds after the card
MISSED, DENIED = 0.06, 0.06  # of cards
DESPITE_FLAPPING = 0.5  # of those who are asked
AT_NIGHT_ALL_THE_SAME = 0.1
ANNOUNCED = 0.8  # of planned work is silenced before it begins
BEFORE, AFTER = 600.0, 600.0  # seconds that a silence is longer than the work


@dataclass
class People:
    """Whoever looks at the group. `heard` counts what the taps were answered."""

    flow: DecidingFlow
    month: Month
    rng: random.Random
    heard: Counter[str] = field(default_factory=Counter)
    _looked_at: set[tuple[int, object]] = field(default_factory=set)
    _at_work: set[asyncio.Task[None]] = field(default_factory=set)

    def announce(self) -> None:
        """Planned work is known before."""
        for cause in self.month.causes.values():
            if cause.planned and self.rng.random() < ANNOUNCED:
                self._spawn(cause)

    def look(self) -> None:
        """Somebody looks at each card that waits anew."""
        book = self.flow.ledger.book
        for number in sorted(book.open):
            case = book.cases[number]
            if case.undecided and (number, case.asked_at) not in self._looked_at:
                self._looked_at.add((number, case.asked_at))
                self._spawn(number)

    def _spawn(self, what: Cause | int) -> None:
        task = asyncio.ensure_future(self._silence(what) if isinstance(what, Cause) else self._decide(what))
        self._at_work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():  # the month is over
            task.result()

    async def _silence(self, cause: Cause) -> None:
        await asyncio.sleep(max(0.0, cause.start - BEFORE))
        ports = {a.incident.port for a in self.month.alerts.values() if a.cause == cause.id}
        scopes = [Scope(port.olt, port.place) for port in sorted(ports, key=lambda p: p.key)]
        until = moment(cause.end) + timedelta(seconds=AFTER)
        await self.flow.silence(scopes, ANA, until, "emendas")
        self.heard["silenced"] += 1

    async def _decide(self, number: int) -> None:
        await asyncio.sleep(self.rng.uniform(*ANSWER_WITHIN))
        who, dice = self.rng.choice((ANA, BRUNO)), self.rng.random()
        if dice < MISSED:
            self.heard["missed"] += 1
            return
        try:
            if dice < MISSED + DENIED:
                await self.flow.deny(number, who, "already known")
                self.heard["denied"] += 1
            else:
                await self._approve(number, dice < (1 + MISSED + DENIED) / 2)
        except Declined as no:
            self.heard[f"declined: {no.code}"] += 1
            case = self.flow.ledger.book.cases[number]
            if case.ended_at is None and case.owner is None:
                await self.flow.assume(number, who)

    async def _approve(self, number: int, ana: bool) -> None:
        who, terms = ANA if ana else BRUNO, NO_TERMS
        while True:
            try:
                approval = await self.flow.approve(number, who, terms)
            except Asked as asked:
                self.heard[f"asked: {asked.code}"] += 1
                answered = self._answer(asked.code, terms)
                if answered is None:
                    self.heard["left alone as it flaps"] += 1
                    await self.flow.assume(number, who)
                    return
                terms = answered
            else:
                self.heard["approved" if approval.due is None else "scheduled"] += 1
                return

    def _answer(self, code: str, terms: Terms) -> Terms | None:
        if code == "flapping":
            return replace(terms, flapping=True) if self.rng.random() < DESPITE_FLAPPING else None
        return replace(terms, hours="now" if self.rng.random() < AT_NIGHT_ALL_THE_SAME else "later")
