"""The whole Telegram side against the simulated Bot API, over real HTTP, with time that can run faster."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.chat.screens.words import Words
from bot.chat.taps.absence import AWAY
from bot.chat.taps.commands import ProgramFacts
from bot.chat.telegram import Account, Telegram
from bot.chat.wire.access import Approvers
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.events import Approved, CaseOpened, CooldownReleased, IncidentChanged, Line, Proposed
from bot.domain.health import GatewayWatch, Watch
from bot.domain.incident import Port
from bot.domain.limits.holds import NO_TERMS, Terms
from bot.domain.limits.silence import Scope, Silence
from bot.domain.plan import Choice
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import BotError, Declined
from bot.flow.flow import Approval
from bot.flow.inventory import Stock
from bot.ports import Write
from bot.process.wiring import adapters_words
from bot.simulator.telegram.api import BotApi, Message, User
from bot.steps import decide, delay, describe, restore, unknown
from bot.steps.unknown import Choose
from bot.storage.memory import MemoryLedger
from tests.fakes import FakeSource, incident

ANA, BETO, CARLA = 7, 8, 9  # Ana is an administrator of the group
WORDS = Words("pt_BR", ZoneInfo("America/Sao_Paulo"), adapters_words("pt_BR", "matrix", "oltcloud"))
UNDO_SECONDS = 5.0
SCOPES = 2  # the group and the private chats have the commands


class FastClock:
    """The real clock, `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start, self._born = datetime.now(UTC), time.monotonic()

    def __call__(self) -> float:
        return self.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._born) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


def customers(count: int = 12) -> Found:
    onus = tuple(Onu(f"ZTEG{n:08d}", str(n), f"Cliente {n}", Link.LOS) for n in range(count))
    contacts = {str(n): Contact(str(n), f"Cliente {n}", f"(61) 9{9000 + n}-{1000 + n}") for n in range(count)}
    return Found(Affected(onus), contacts)


@dataclass
class FakeDesk:
    """The real rules on a ledger in memory; nothing is sent."""

    ledger: MemoryLedger
    chat: Any = None
    watch: Watch = field(default_factory=lambda: Watch("fake"))
    gateway: GatewayWatch = field(default_factory=lambda: GatewayWatch("matrix"))
    found: Found = field(default_factory=customers)
    details_error: BotError | None = None
    gate: asyncio.Event | None = None
    refusals: list[tuple[int, str, str, int | None]] = field(default_factory=list)
    decided: list[tuple[str, int]] = field(default_factory=list)
    rules: Rules = field(default_factory=Rules)
    olts: tuple[str, ...] = ("CB 01",)

    async def _commit(self, name: str, number: int, write: Write) -> Sequence[Line]:
        lines = await self.ledger.commit(write)
        self.decided.append((name, number))
        self.chat.show(number, urgent=True)
        return lines

    async def approve(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        return _approval(
            await self._commit("approve", number, decide.approve(number, who, self.rules, terms))
        )

    async def restore(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        return _approval(
            await self._commit("restore", number, restore.restore(number, who, self.rules, terms))
        )

    async def keep_untold(self, number: int, who: Who) -> None:
        await self._commit("keep_untold", number, restore.keep_untold(number, who, self.rules))

    async def begin(self, number: int, who: Who, attempt: int | None = None) -> None:
        await self._commit("begin", number, delay.begin(number, who, self.rules, attempt))

    async def separate(self, number: int, who: Who) -> int:
        lines = await self._commit("separate", number, describe.separate(number, who, self.rules, {}))
        opened = [line.case for line in lines if isinstance(line, CaseOpened)]
        for case in opened:
            self.chat.show(case)
        return len(opened)

    async def assume(self, number: int, who: Who) -> None:
        await self._commit("assume", number, describe.assume(number, who))

    async def forecast(self, number: int, who: Who, eta: datetime | None) -> None:
        await self._commit("forecast", number, describe.forecast(number, who, eta))

    async def name_cause(self, number: int, who: Who, cause: str, team: str = "") -> None:
        await self._commit("name_cause", number, describe.name_cause(number, who, cause, team))

    async def silence(self, scopes: Sequence[Scope], who: Who, until: datetime, reason: str) -> Silence:
        scopes = await self.known_olts(scopes)
        await self.ledger.commit(describe.silence(scopes, who, until, reason))
        self.decided.append(("silence", 0))
        return self.ledger.book.silences[len(self.ledger.book.silences)]

    async def known_olts(self, scopes: Sequence[Scope]) -> tuple[Scope, ...]:
        stock = Stock(FakeSource())
        stock.known = dict.fromkeys(self.olts, frozenset())
        names = [stock.name(scope.olt, self.ledger.book) for scope in scopes]
        for scope, name in zip(scopes, names, strict=True):
            if not name:
                raise Declined("unknown_olt", olt=scope.olt)
        return tuple(Scope(name, scope.place) for scope, name in zip(scopes, names, strict=True))

    async def end_silence(self, number: int, who: Who) -> Silence:
        await self.ledger.commit(describe.end_silence(number, who))
        self.decided.append(("end_silence", number))
        return self.ledger.book.silences[number]

    async def deny(self, number: int, who: Who, reason: str) -> None:
        await self._commit(f"deny {reason}", number, decide.deny(number, who, reason))

    async def explain_denial(self, number: int, who: Who, reason: str, at: datetime) -> None:
        await self._commit("explain_denial", number, describe.explain_denial(number, who, reason, at))

    async def check_undecided(self, number: int) -> None:
        await self.ledger.commit(decide.check(number))

    async def cancel(self, number: int, who: Who) -> bool:
        await self._commit("cancel", number, decide.cancel(number, who))
        return self.ledger.book.cases[number].dispatches[-1].end == "cancelled"

    async def stop(self, number: int, who: Who) -> None:
        await self._commit("stop", number, decide.stop(number, who))

    async def resume(self, number: int, who: Who, terms: Terms = NO_TERMS) -> None:
        await self._commit("resume", number, decide.resume(number, who, self.rules, terms))

    async def close(self, number: int, who: Who) -> None:
        await self._commit("close", number, decide.close(number, who))

    async def confirm(self, who: Who) -> None:
        await self.ledger.commit(decide.confirm(who, self.ledger.book.last_at))
        self.decided.append(("confirm", 0))

    async def resolve(self, chosen: Choose, choice: Choice, who: Who) -> int:
        before = self._doubts(chosen.case)
        await self._commit(f"resolve {choice}", chosen.case, unknown.resolve(chosen, choice, who))
        return before - self._doubts(chosen.case)

    async def resend(self, chosen: Choose, who: Who) -> int:
        before = self._doubts(chosen.case)
        await self._commit("resend", chosen.case, unknown.resend(chosen, who, self.rules))
        return before if chosen.recipient is None else 1

    def _doubts(self, number: int) -> int:
        case = self.ledger.book.cases.get(number)
        return len(case.dispatch.in_doubt()) if case and case.dispatch else 0

    async def release(self, port_key: str, who: Who, reason: str) -> Port:
        lines = await self.ledger.commit(decide.release(port_key, who, reason, self.rules))
        self.decided.append((f"release {reason}", 0))
        return next(line.port for line in lines if isinstance(line, CooldownReleased))

    async def details(self, number: int) -> Found:
        if self.gate is not None:
            await self.gate.wait()
        if self.details_error is not None:
            raise self.details_error
        return self.found

    def refused(self, who: Who, action: str, why: str, case: int | None = None) -> None:
        self.refusals.append((who.id, action, why, case))


def _approval(lines: Sequence[Line]) -> Approval:
    """What `Flow` makes of them."""
    due = next((line.due for line in lines if isinstance(line, Approved)), None)
    return Approval(due, any(isinstance(line, Proposed) for line in lines))


@dataclass
class Room:
    """A started bot: what the tests look at, and what happens in the NOC."""

    api: BotApi
    ledger: MemoryLedger
    clock: FastClock
    telegram: Telegram
    desk: FakeDesk
    started: datetime

    async def line(self, *lines: Line) -> None:
        await self.ledger.commit(lambda _book, _now: lines)

    async def outage(self, number: int = 1, affected: int = 3) -> None:
        """A case opens and is to be shown."""
        await self.line(CaseOpened(number, self._incident(number, affected)))
        self.telegram.chat.show(number)

    async def grows(self, number: int, affected: int, *, urgent: bool = False) -> None:
        """The outage hits more ONUs."""
        await self.line(IncidentChanged(number, self._incident(number, affected)))
        self.telegram.chat.show(number, urgent=urgent)

    def _incident(self, number: int, affected: int) -> Any:
        return incident(number, place=f"1/{number}", affected=affected, started=self.started)

    async def card(self, number: int = 1) -> Message:
        """The case's card, once it is there and recorded."""
        await until(lambda: self.telegram.chat.card(number))
        known = self.telegram.chat.card(number)
        assert known is not None
        return next(m for m in self.api.messages() if m.id == known.message)

    async def unfolds(self, card: Message, user: int = ANA) -> None:
        """All of the card's buttons are there."""
        await self.api.tap(user, card, "Mais ▾")
        await self.api.wait(lambda _: "Menos ▴" in card.buttons)

    async def shows(self, message: Message, text: str) -> None:
        await self.api.wait(lambda _: text in message.text)


async def until(predicate: Callable[[], object]) -> None:
    """The predicate holds; for what the simulated server cannot tell (`BotApi.wait` is for the rest)."""
    async with asyncio.timeout(20):
        while not predicate():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.005)


def people(api: BotApi) -> dict[int, User]:
    return {
        ANA: api.add_user(ANA, "Ana", admin=True),
        BETO: api.add_user(BETO, "Beto"),
        CARLA: api.add_user(CARLA, "Carla", admin=True),
    }


@asynccontextmanager
async def opened(
    api: BotApi,
    *,
    speed: float = 1.0,
    ledger: MemoryLedger | None = None,
    approvers: Approvers = frozenset(),
    topic: int | None = None,
    connected: bool = True,
    group: int | None = None,
    rules: Rules | None = None,
    **options: Any,
) -> AsyncIterator[Room]:
    """A bot that is `connected` and stopped at the end; without a pace unless options say so."""
    clock = FastClock(speed)
    ledger = ledger or MemoryLedger(clock)
    account = Account(api.token, group or api.group, api.url, topic, approvers)
    given = {"gap": 0.0, "limit": 10_000, "poll_seconds": 1.0, "away_after": AWAY * speed, **options}
    rules = rules or Rules(undo_seconds=UNDO_SECONDS)
    telegram = Telegram(account, ledger, WORDS, clock, rules=rules, **given)
    desk = FakeDesk(ledger, telegram.chat, rules=rules)

    def program_facts() -> ProgramFacts:
        return ProgramFacts("1.2.3", clock.now(), "matrix", dry_run=False, posting=telegram.posting)

    telegram.attend(desk, program_facts)
    room = Room(api, ledger, clock, telegram, desk, clock.now() - timedelta(seconds=310))
    await telegram.start()
    try:
        if connected:
            await until(lambda: len(api.commands) == SCOPES and api.in_flight == 1)  # only the long poll
        yield room
    finally:
        await telegram.stop()
