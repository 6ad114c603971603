"""The story of a case. It calls the steps in order and nothing else.

poll:      collect -> compose                           a card appears, changes or ends
approve:   decide -> enrich -> gate -> send -> settle   the customers are told, once each (dispatch.py)
           delay                                        ... or later, in their hours
restore:   restore -> send -> settle                    those who were told hear that service is back
describe:  describe                                     who has it, what is expected, planned work
resolve:   unknown                                      what is in doubt comes to an end
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Doubt
from bot.domain.customer import Found
from bot.domain.events import (
    Alive,
    Approved,
    Cancelled,
    CaseOpened,
    CooldownReleased,
    Evidence,
    Line,
    Proposed,
    Resent,
    Resolved,
    Silenced,
    Started,
    Stopped,
    TapRefused,
)
from bot.domain.health import GatewayWatch, Watch
from bot.domain.incident import Port
from bot.domain.limits.holds import NO_TERMS, Terms
from bot.domain.limits.silence import Scope, Silence
from bot.domain.plan import Choice
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Declined,
    LedgerClosed,
    Refused,
    TryLater,
)
from bot.flow.deps import Deps
from bot.flow.dispatch import Dispatcher
from bot.flow.health import Watching
from bot.flow.inventory import Stock
from bot.flow.polling import Polling, count_in, observed
from bot.ports import Notice, Write
from bot.steps import decide, delay, describe, restore, unknown
from bot.steps.enrich import Enricher
from bot.steps.send import Sender

log = logging.getLogger(__name__)

_DOUBTS: dict[Doubt | None, str] = {
    None: "looks like an old copy",
    "views": "is older than the files beside it",
    "future": "ends later than now",
}

REFUSALS_APART = 600.0  # seconds
DETAILS_KEPT = 120.0  # seconds that a reading for Detalhes serves its pages


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval came to: it is sent now, at `due`, or (`first`) when a second person approves, too."""

    due: datetime | None = None
    first: bool = False


@dataclass(slots=True)
class _Reading:
    at: float
    found: "asyncio.Future[Found]"


class Flow:
    """Everything that polls and people start. One per process."""

    def __init__(self, deps: Deps, rules: Rules) -> None:
        self.ledger = deps.ledger
        self.watching = Watching(deps.source.name, deps.gateway.name, deps.chat, deps.clock)
        self._deps, self._rules = deps, rules
        self._readings: dict[int, _Reading] = {}
        self._enricher = Enricher(deps.source, deps.directory, rules, deps.clock, deps.rng)
        self._sender = Sender(
            deps.ledger,
            deps.gateway,
            deps.limiter,
            rules,
            deps.clock,
            deps.rng,
            deps.spawn,
            self.watching.heard,
        )
        self._dispatcher = Dispatcher(
            self._enricher,
            self._sender,
            ledger=deps.ledger,
            chat=deps.chat,
            clock=deps.clock,
            rules=rules,
            spawn=deps.spawn,
            staff=deps.staff,
        )
        self._refusals: dict[tuple[int, str, str], float] = {}
        self._inventory = Stock(deps.source)
        self._polling = Polling(deps, rules, self.watching, self._inventory, self._dispatcher)

    @property
    def watch(self) -> Watch:
        """How the source is doing."""
        return self.watching.source

    @property
    def gateway(self) -> GatewayWatch:
        """How the gateway is doing."""
        return self.watching.gateway

    async def start(self, version: str, doubt: Doubt | None = None) -> None:
        """Write that the program runs, and draw every card that somebody may be waiting at.

        `doubt` is what the ledger's storage found odd about its end.
        """
        with contextlib.suppress(LedgerClosed):
            await self.ledger.commit(lambda _book, _now: [Started(version, doubt)])
        if self.ledger.closed is not None:
            log.error("the ledger is closed: %s", self.ledger.closed)
        book = self.ledger.book
        if book.unconfirmed is not None:
            why = _DOUBTS[book.doubt]
            log.warning("nothing is sent until an approver confirms: the ledger %s", why)
            self._deps.chat.say(Notice("unconfirmed", {"since": book.unconfirmed}))
        for number in sorted(self.ledger.book.open | self.ledger.book.running):
            self._deps.chat.show(number)

    def alive(self, *, heard: bool = True) -> None:
        """Write that the program runs: a later start can tell by it that the ledger is no old copy, and
        (`heard`) since when nobody may have heard people's taps.
        """
        with contextlib.suppress(LedgerClosed):
            self.ledger.note(Alive(heard))

    async def poll(self) -> float | None:
        """Read the source once (polling.py); seconds after which to look again, None: at the next poll."""
        return await self._polling.poll()

    async def approve(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        """Claim a case for sending. Returns once the claim is durable; the rest goes on beside."""
        lines = await self.ledger.commit(decide.approve(number, who, self._rules, terms))
        return self._claimed(number, lines)

    async def restore(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        """Claim telling those who were warned that service is back; as `approve`."""
        lines = await self.ledger.commit(restore.restore(number, who, self._rules, terms))
        return self._claimed(-number, lines)

    async def keep_untold(self, number: int, who: Who) -> None:
        """Decide that nobody is told that service is back."""
        await self.ledger.commit(restore.keep_untold(number, who, self._rules))
        self._deps.chat.show(number, urgent=True)

    async def begin(self, number: int, who: Who, attempt: int | None = None) -> None:
        """Send what was scheduled now."""
        await self.ledger.commit(delay.begin(number, who, self._rules, attempt))
        self._dispatcher.carry_out(number)

    async def separate(self, number: int, who: Who) -> int:
        """Take a case apart; how many new ones there are."""
        inventory = self._inventory.known
        lines = await self.ledger.commit(describe.separate(number, who, self._rules, inventory))
        opened = [line.case for line in lines if isinstance(line, CaseOpened)]
        for case in (number, *opened):
            self._deps.chat.show(case, urgent=case == number)
        return len(opened)

    async def assume(self, number: int, who: Who) -> None:
        """This person sees to the case: nobody is reminded of it any more."""
        await self._described(number, describe.assume(number, who))

    async def forecast(self, number: int, who: Who, eta: datetime | None) -> None:
        """When the outage is expected to end; None: nobody can say."""
        await self._described(number, describe.forecast(number, who, eta))

    async def name_cause(self, number: int, who: Who, cause: str, team: str = "") -> None:
        """The cause, and the team that sees to it."""
        await self._described(number, describe.name_cause(number, who, cause, team))

    async def silence(self, scopes: Sequence[Scope], who: Who, until: datetime, reason: str) -> Silence:
        """No cards from there until then. Declined where there is no such OLT."""
        scopes = await self.known_olts(scopes)
        lines = await self.ledger.commit(describe.silence(scopes, who, until, reason))
        made = next(line for line in lines if isinstance(line, Silenced))
        self._show_silenced(self.ledger.book.silences[made.silence])
        return self.ledger.book.silences[made.silence]

    async def known_olts(self, scopes: Sequence[Scope]) -> tuple[Scope, ...]:
        """The same with the OLTs' own names. Declined where there is no such OLT."""
        names = self._olts(scopes)
        if not all(names):  # a tap on a card is about what was seen: it does not wait for the source
            await self._inventory.refresh(self._deps.clock.monotonic())
            names = self._olts(scopes)
        for scope, name in zip(scopes, names, strict=True):
            if not name:
                raise Declined("unknown_olt", olt=scope.olt)
        return tuple(Scope(name, scope.place) for scope, name in zip(scopes, names, strict=True))

    async def end_silence(self, number: int, who: Who) -> Silence:
        """Cards come again from there."""
        await self.ledger.commit(describe.end_silence(number, who))
        self._show_silenced(self.ledger.book.silences[number])
        return self.ledger.book.silences[number]

    async def deny(self, number: int, who: Who, reason: str) -> None:
        """Decide that nothing is sent."""
        await self.ledger.commit(decide.deny(number, who, reason))
        self._deps.chat.show(number, urgent=True)

    async def explain_denial(self, number: int, who: Who, reason: str, at: datetime) -> None:
        """Why nothing is sent, as the person who denied it wrote at that time."""
        await self._described(number, describe.explain_denial(number, who, reason, at))

    async def check_undecided(self, number: int) -> None:
        """Declined where the case is decided, running or over."""
        await self.ledger.commit(decide.check(number))

    async def cancel(self, number: int, who: Who) -> bool:
        """Take an approval back: True where nothing has left, False where sends had begun and stop now."""
        lines = await self.ledger.commit(decide.cancel(number, who))
        self._dispatcher.halt(number)
        return isinstance(lines[0], Cancelled)

    async def stop(self, number: int, who: Who) -> None:
        """Stop a dispatch; what is in flight still counts."""
        await self.ledger.commit(decide.stop(number, who))
        self._dispatcher.halt(number)

    async def resume(self, number: int, who: Who, terms: Terms = NO_TERMS) -> None:
        """Let an interrupted dispatch go on."""
        await self.ledger.commit(decide.resume(number, who, self._rules, terms))
        self._dispatcher.carry_out(number)

    async def close(self, number: int, who: Who) -> None:
        """Give up what an interrupted dispatch had still to do."""
        await self.ledger.commit(decide.close(number, who))
        self._deps.chat.show(number, urgent=True)

    async def confirm(self, who: Who) -> None:
        """Let sending go on after a start on a ledger that looks like an old copy."""
        await self.ledger.commit(decide.confirm(who, self._deps.clock.now()))
        for number in sorted(self.ledger.book.open | self.ledger.book.running):
            self._deps.chat.show(number)

    async def resolve(self, chosen: unknown.Choose, choice: Choice, who: Who) -> int:
        """Count sends in doubt as sent, or have somebody call; how many they were."""
        lines = await self.ledger.commit(unknown.resolve(chosen, choice, who))
        self._deps.chat.show(chosen.case, urgent=True)
        return sum(len(line.recipients) for line in lines if isinstance(line, Resolved))

    async def resend(self, chosen: unknown.Choose, who: Who) -> int:
        """Send again what is in doubt; how many that are. Who is back online by now is left out."""
        if any(case == chosen.case for case, _ in self._sender.late):
            raise Declined("still_waiting")
        lines = await self.ledger.commit(unknown.resend(chosen, who, self._rules))
        self._dispatcher.carry_out(chosen.case)
        return sum(len(line.recipients) for line in lines if isinstance(line, Resent))

    async def ask_gateway(self) -> None:
        """Settle sends in doubt by the gateway's own list, where it keeps one."""
        now = self._deps.clock.now()
        doubts = unknown.doubts(self.ledger.book, now)
        if not doubts or self.ledger.closed is not None:
            return
        first = min(min(doubt.claims) for doubt in doubts) - unknown.BEFORE
        last = now + unknown.BEFORE
        try:
            listed = await self._deps.gateway.sent(first, last)
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            log.info("the gateway's list could not be read: %s", error)
            return
        if listed is None:
            return
        lines = await observed(self.ledger, unknown.evidence(doubts, listed))
        for number in {line.case for line in lines if isinstance(line, Evidence)}:
            self._deps.chat.show(number)

    async def release(self, port_key: str, who: Who, reason: str) -> Port:
        """Free a port before its time; returns the port."""
        lines = await self.ledger.commit(decide.release(port_key, who, reason, self._rules))
        for case in self.ledger.book.cases.values():
            here = any(m.incident.port.key == port_key for m in case.members.values())
            if here and (case.ended_at is None or case.dispatches):
                self._deps.chat.show(case.id)
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
            ids = [incident.id for incident in case.incidents]
            found = asyncio.ensure_future(self._look_up(ids))
            reading = self._readings[number] = _Reading(now, found)
        return await asyncio.shield(reading.found)

    async def _look_up(self, ids: Sequence[str]) -> Found:
        found = await self._enricher.enrich(ids)
        await count_in(self.ledger, self._deps.chat, found.affected.down)
        return found

    def refused(self, who: Who, action: str, why: str, case: int | None = None) -> None:
        """Write that somebody tapped or typed what they may not, or what no longer holds.

        The same person, action and reason make one line in ten minutes: nobody can bury the decisions.
        """
        now, key = self._deps.clock.monotonic(), (who.id, action, why)
        self._refusals = {k: at for k, at in self._refusals.items() if now - at < REFUSALS_APART}
        if key not in self._refusals:
            self._refusals[key] = now
            self.ledger.note(TapRefused(who, action, why, case))

    def drain(self) -> None:
        """From now on no new send leaves; what is unfinished goes on at the next start."""
        self._dispatcher.drain()
        for reading in self._readings.values():
            reading.found.cancel()

    async def stopped(self, *, heard: bool = True) -> None:
        """Write that the program stopped in order; `heard` as above."""
        try:
            await self.ledger.commit(lambda _book, _now: [Stopped(heard)])
        except LedgerClosed as error:
            log.error("the stop could not be written: %s", error)  # noqa: TRY400

    def _claimed(self, number: int, lines: Sequence[Line]) -> Approval:
        """What an approval came to: sending, scheduled (then `due`), or the first of two (`first`)."""
        self._deps.chat.show(number, urgent=True)
        for line in lines:
            if isinstance(line, Proposed):
                self._deps.chat.say(Notice("second_needed", {"case": number, "by": line.by}))
                return Approval(first=True)
            if isinstance(line, Approved) and line.due is not None:
                return Approval(due=line.due)
        self._dispatcher.carry_out(number)
        return Approval()

    async def _described(self, number: int, rule: Write) -> None:
        await self.ledger.commit(rule)
        self._deps.chat.show(number, urgent=True)

    def _olts(self, scopes: Sequence[Scope]) -> list[str]:
        return [self._inventory.name(scope.olt, self.ledger.book) for scope in scopes]

    def _show_silenced(self, silence: Silence) -> None:
        book = self.ledger.book
        for number in sorted(book.open):
            if any(silence.covers(port) for port in book.cases[number].ports):
                self._deps.chat.show(number, urgent=True)
