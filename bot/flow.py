"""The story of a case. It calls the steps in order and nothing else.

poll:      collect -> compose                         a card appears, changes or ends
approve:   decide -> enrich -> gate -> send -> settle the customers are told, once each
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.case import Dispatch, Phase
from bot.domain.customer import Found
from bot.domain.incident import Port
from bot.domain.lines import CooldownReleased, Line, Resumed, Started, Stopped, TapRefused, Who
from bot.domain.rules import Rules
from bot.domain.watch import Watch
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Declined,
    LedgerClosed,
    LoginRefused,
    NotFound,
    Refused,
    TryLater,
)
from bot.ports import Clock, Directory, Gateway, Ledger, Limiter, NocChat, Notice, Source, Spawn, Write
from bot.steps import decide
from bot.steps.collect import collect, offered
from bot.steps.compose import compose, touched
from bot.steps.enrich import Enricher
from bot.steps.gate import gate
from bot.steps.send import Job, Sender
from bot.steps.settle import give_up, settle

log = logging.getLogger(__name__)

SAID_AFTER = 2  # polls in a row that failed before the group hears of it: one may be a hiccup
DETAILS_KEPT = 120.0  # seconds that a reading for Detalhes serves its pages


@dataclass(frozen=True, slots=True)
class Deps:
    """What the flow works with; app.py decides which adapters they are."""

    source: Source
    directory: Directory
    gateway: Gateway
    limiter: Limiter
    ledger: Ledger
    chat: NocChat
    clock: Clock
    rng: random.Random
    spawn: Spawn


@dataclass(slots=True)
class _Reading:
    at: float
    found: "asyncio.Future[Found]"


class Flow:
    """Everything that polls and people start. One per process."""

    def __init__(self, deps: Deps, rules: Rules) -> None:
        self.ledger = deps.ledger
        self.watch = Watch(deps.source.name)
        self._deps, self._rules = deps, rules
        self._halts: dict[int, asyncio.Event] = {}
        self._readings: dict[int, _Reading] = {}
        self._draining = False
        self._enricher = Enricher(deps.source, deps.directory, rules, deps.clock, deps.rng)
        self._sender = Sender(
            deps.ledger, deps.gateway, deps.limiter, rules, deps.clock, deps.rng, deps.spawn
        )

    async def start(self, version: str) -> None:
        """Write that the program runs, and draw every card that somebody may be waiting at."""
        try:
            await self.ledger.commit(lambda _book, _now: [Started(version)])
        except LedgerClosed as error:
            log.error("the ledger is closed: %s", error)  # noqa: TRY400 - the reason is the message
        for number in sorted(self.ledger.book.open | self.ledger.book.running):
            self._deps.chat.show(number)

    async def poll(self) -> None:
        """Read the source once, bring cases and cards up to date, let interrupted dispatches go on."""
        now = self._deps.clock.now()
        try:
            poll = await collect(self._deps.source)
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            self._missed(str(error), login_refused=isinstance(error, LoginRefused))
            return
        lines = await self._observe(compose(poll, self._rules))
        for number in touched(lines):
            self._deps.chat.show(number)
        unoffered = tuple(i for i in poll.incidents if not offered(i, self._rules))
        self.watch = self.watch.saw(poll, unoffered)
        if not poll.complete:
            self._missed("incomplete")
            return
        if self.watch.failures >= SAID_AFTER or self.watch.login_refused:
            self._deps.chat.say(Notice("source_up", {"since": self.watch.since}))
        self.watch = self.watch.good(now)
        self._deps.chat.refresh()
        await self._go_on()

    async def approve(self, number: int, who: Who) -> None:
        """Claim a case for sending. Returns once the claim is durable; the rest goes on beside."""
        await self.ledger.commit(decide.approve(number, who, self._rules))
        self._carry_out(number)

    async def deny(self, number: int, who: Who, reason: str) -> None:
        """Decide that nothing is sent."""
        await self.ledger.commit(decide.deny(number, who, reason))
        self._deps.chat.show(number, urgent=True)

    async def cancel(self, number: int, who: Who) -> None:
        """Take an approval back during its countdown."""
        await self.ledger.commit(decide.cancel(number, who))
        self._halt(number)

    async def stop(self, number: int, who: Who) -> None:
        """Stop a dispatch; what is in flight still counts."""
        await self.ledger.commit(decide.stop(number, who))
        self._halt(number)

    async def resume(self, number: int, who: Who) -> None:
        """Let an interrupted dispatch go on."""
        await self.ledger.commit(decide.resume(number, who))
        self._carry_out(number)

    async def close(self, number: int, who: Who) -> None:
        """Give up what an interrupted dispatch had still to do."""
        await self.ledger.commit(decide.close(number, who))
        self._deps.chat.show(number, urgent=True)

    async def release(self, port_key: str, who: Who, reason: str) -> Port:
        """Free a port before its time; returns the port."""
        lines = await self.ledger.commit(decide.release(port_key, who, reason, self._rules))
        self._deps.chat.refresh()
        return next(line.port for line in lines if isinstance(line, CooldownReleased))

    async def details(self, number: int) -> Found:
        """Who is affected, looked up now or within the last two minutes. Raises what the look-up raises."""
        case = self.ledger.book.cases.get(number)
        if case is None:
            raise Declined("unknown_case")
        now = self._deps.clock.monotonic()
        self._readings = {n: r for n, r in self._readings.items() if now - r.at < DETAILS_KEPT}
        reading = self._readings.get(number)
        if reading is None or (reading.found.done() and reading.found.exception() is not None):
            found = asyncio.ensure_future(self._enricher.enrich(case.incident.id))
            reading = self._readings[number] = _Reading(now, found)
        return await asyncio.shield(reading.found)

    def refused(self, who: Who, action: str, why: str, case: int | None = None) -> None:
        """Write that somebody tapped or typed what they may not, or what no longer holds."""
        self.ledger.note(TapRefused(who, action, why, case))

    def drain(self) -> None:
        """From now on no new send leaves; what is unfinished goes on at the next start."""
        self._draining = True
        for halt in self._halts.values():
            halt.set()

    async def stopped(self) -> None:
        """Write that the program stopped in order."""
        try:
            await self.ledger.commit(lambda _book, _now: [Stopped()])
        except LedgerClosed as error:
            log.error("the stop could not be written: %s", error)  # noqa: TRY400

    def _carry_out(self, number: int) -> None:
        if self._draining:
            return  # the claim is durable: the next start goes on with it
        halt = self._halts[number] = asyncio.Event()
        self._deps.chat.show(number, urgent=True)
        self._deps.spawn(self._dispatch(number, self.ledger.book.cases[number].dispatches[-1], halt))

    async def _dispatch(self, number: int, dispatch: Dispatch, halt: asyncio.Event) -> None:
        try:
            if dispatch.phase is Phase.COUNTDOWN:
                found = await self._look_up_during_countdown(number, halt)
                if found is None:
                    return
                await self.ledger.commit(gate(number, dispatch.turn, found, self._rules))
            await self._send(number, dispatch, halt)
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            log.warning("the alert of case %s could not be read: %s", number, error)
            await self._observe(give_up(number, dispatch.turn, _unread(error)))
        except Declined as declined:
            log.info("case %s was not planned: %s", number, declined.code)
            await self._observe(give_up(number, dispatch.turn, declined.code))
        except LedgerClosed as error:
            log.error("case %s: the ledger is closed: %s", number, error)  # noqa: TRY400
        finally:
            if self._halts.get(number) is halt:
                del self._halts[number]
            self._deps.chat.show(number, urgent=True)

    async def _look_up_during_countdown(self, number: int, halt: asyncio.Event) -> Found | None:
        """The look-ups, in parallel with the countdown; None where the approval was taken back."""
        incident = self.ledger.book.cases[number].incident
        look_up = asyncio.ensure_future(self._enricher.enrich(incident.id))
        halted = asyncio.ensure_future(halt.wait())
        countdown = asyncio.ensure_future(self._deps.clock.sleep(self._rules.undo_seconds))
        try:
            await asyncio.wait({halted, countdown}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({halted, look_up}, return_when=asyncio.FIRST_COMPLETED)
            return None if halt.is_set() else look_up.result()
        finally:
            for task in (look_up, halted, countdown):
                task.cancel()

    async def _send(self, number: int, dispatch: Dispatch, halt: asyncio.Event) -> None:
        self._deps.chat.show(number, urgent=True)
        template = self.ledger.book.cases[number].incident.kind.value
        job = Job(number, template, halt, lambda: self._deps.chat.show(number))
        todo = dispatch.progress.todo() if dispatch.progress is not None else []
        halted = await self._sender.send(job, todo)
        if dispatch.phase is Phase.STOPPING or not self._draining:
            await self.ledger.commit(settle(number, halted))

    async def _go_on(self) -> None:
        """Let the interrupted dispatches go on that are fresh and whose outage this poll still saw."""
        if self._draining:
            return
        lines = await self._observe(decide.go_on(self._rules))
        for resumed in [line for line in lines if isinstance(line, Resumed)]:
            self._carry_out(resumed.case)

    async def _observe(self, write: Write) -> Sequence[Line]:
        """Commit what a closed ledger or a changed state may refuse without anything being lost."""
        try:
            return await self.ledger.commit(write)
        except (LedgerClosed, Declined) as error:
            log.warning("not written: %s", error)
            return []

    def _halt(self, number: int) -> None:
        self._deps.chat.show(number, urgent=True)
        if number in self._halts:
            self._halts[number].set()

    def _missed(self, error: str, *, login_refused: bool = False) -> None:
        before = self.watch
        self.watch = before.bad(self._deps.clock.now(), error, login_refused=login_refused)
        log.warning("poll failed (%s in a row): %s", self.watch.failures, error)
        if login_refused and not before.login_refused:
            self._deps.chat.say(Notice("login_refused", {"source": before.source}))
        elif self.watch.failures == SAID_AFTER and not before.login_refused:
            facts = {"source": before.source, "error": error}
            self._deps.chat.say(Notice("source_down", facts))


def _unread(error: Exception) -> str:
    """The words' code for why an alert could not be read."""
    for kind, code in (
        (LoginRefused, "login_refused"),
        (NotFound, "not_found"),
        (Refused, "refused"),
        (BadAnswer, "bad_answer"),
    ):
        if isinstance(error, kind):
            return code
    return "source_down"
