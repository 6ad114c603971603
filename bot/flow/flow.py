"""The story of a case. It calls the steps in order and nothing else.

poll:      collect -> compose                           a card appears, changes or ends
ahead:     enrich                                       its customers are looked up while it waits (ahead.py)
approve:   decide -> enrich -> gate -> send -> settle   the customers are told, once each (dispatch.py)
           delay                                        ... or later, in their hours
restore:   restore -> send -> settle                    those who were told hear that service is back
describe:  describe                                     who has it, what is expected, planned work
resolve:   unknown                                      what is in doubt comes to an end
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from bot.domain.book import Doubt
from bot.domain.case import Case
from bot.domain.customer import Found
from bot.domain.delivery import place_in
from bot.domain.events import (
    Alive,
    Line,
    Started,
    Stopped,
    TapRefused,
)
from bot.domain.incident import Inventory
from bot.domain.limits.silence import Scope
from bot.domain.limits.templates import Trouble
from bot.domain.plan import Receipt, Recipient, Tally
from bot.domain.rules import InForce, Rules
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.domain.who import Who
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Declined,
    LedgerClosed,
    NotConfirmed,
    Refused,
    TryLater,
)
from bot.flow import due
from bot.flow.ahead import LookAhead, may_ask
from bot.flow.callers import Callers
from bot.flow.deps import Deps
from bot.flow.details import Details
from bot.flow.dispatch import Dispatcher
from bot.flow.health import Health
from bot.flow.inventory import InventoryCache
from bot.flow.listing import Listing
from bot.flow.platform import Platform
from bot.flow.policy import Policy
from bot.flow.polling import Polling
from bot.flow.receipts import Receipts
from bot.ports import Notice, Write
from bot.steps import unknown
from bot.steps.enrich import Enricher
from bot.steps.send import Sender

log = logging.getLogger(__name__)

_DOUBTS: dict[Doubt | None, str] = {
    None: "looks like an old copy",
    "views": "is older than the files beside it",
    "future": "ends later than now",
    "backup": "is a backup",
    "database": "is in another database than before, which may lack its last lines",
}

REFUSALS_APART = 600.0  # seconds


class Flow:
    """Everything that polls and people start. One per process."""

    def __init__(self, deps: Deps, rules: Rules) -> None:
        self.ledger = deps.ledger
        directory = None if deps.directory.name == deps.source.name else deps.directory.name
        self.health = Health(deps.sources, deps.gateway.name, directory, deps.chat, deps.clock)
        self._deps, self._in_force = deps, InForce(rules)
        self._enricher = Enricher(
            deps.source,
            deps.directory,
            rules,
            deps.clock,
            deps.rng,
            asked=self.health.asked,
            measures=deps.measures,
        )
        self._sender = Sender(
            deps.ledger,
            deps.fleet or deps.gateway,
            deps.limiter,
            self._in_force,
            deps.clock,
            deps.rng,
            deps.spawn,
            self.health.heard,
            measures=deps.measures,
        )
        self.callers = Callers(deps.ledger, deps.clock, deps.spawn)
        self._ahead = LookAhead(
            self._enricher,
            ledger=deps.ledger,
            observe=self._observe,
            chat=deps.chat,
            clock=deps.clock,
            in_force=self._in_force,
            spawn=deps.spawn,
            may_ask=may_ask(deps.sources),
            found=self.callers.looked_up,
        )
        self._dispatcher = Dispatcher(
            self._enricher,
            self._sender,
            ledger=deps.ledger,
            decide=self._carry_on,
            chat=deps.chat,
            clock=deps.clock,
            in_force=self._in_force,
            spawn=deps.spawn,
            staff=deps.staff,
            fresh=self.look,
            ahead=self._ahead,
        )
        self._refusals: dict[tuple[int, str, str], float] = {}
        self._inventory = InventoryCache(deps.source)
        self._policy = Policy(deps.ledger, deps.chat, self._dispatcher, self._ahead, self.callers)
        self._details = Details(self._enricher, self._ahead, self._policy, deps.ledger, deps.clock)
        self._platform = Platform(deps.gateway, deps.ledger, self._policy, self._in_force, deps.clock)
        self.receipts = Receipts(
            deps.ledger,
            self._policy,
            deps.chat,
            deps.inbox,
            clock=deps.clock,
            spawn=deps.spawn,
            of_a_template=self._platform.heard,
        )
        self.listing = Listing(deps.ledger, deps.gateway, self.receipts, deps.clock)
        self._polling = Polling(
            deps,
            self._in_force,
            self.health,
            self._inventory,
            self._dispatcher,
            policy=self._policy,
            ahead=self._ahead,
        )

    @property
    def rules(self) -> Rules:
        """What the settings say now."""
        return self._in_force.rules

    def follow(self, rules: Rules) -> None:
        """From now on these hold, also for what is under way: what is planned stays, and is drawn anew."""
        self._in_force.rules = rules
        self._policy.show_all()

    @property
    def sources_health(self) -> Sequence[SourceHealth]:
        """How each source is doing."""
        return self.health.sources

    @property
    def gateway_health(self) -> AnswerHealth:
        """How the gateway is doing."""
        return self.health.gateway

    @property
    def directory_health(self) -> AnswerHealth | None:
        """How the directory is doing; None where the sources' own records are used."""
        return self.health.directory

    @property
    def gateway_left_alone(self) -> bool:
        """Whether only a trial may leave, as the gateway failed several times in a row."""
        return self._sender.breaker.open

    async def start(self, version: str, doubt: Doubt | None = None, key: str | None = None) -> None:
        """Write that the program runs, and draw every card that somebody may be waiting at.

        `doubt` is what the ledger's storage found odd about its end, `key` what it calls people by.
        """
        with contextlib.suppress(LedgerClosed):
            await self.ledger.commit(lambda _book, _now: [Started(version, doubt, key)])
        closed = self.ledger.closed
        if closed is not None:
            log.error("the ledger is closed: %s", closed)
        book = self.ledger.book
        if book.unconfirmed is not None and (closed is None or LedgerClosed(closed).away):
            why = _DOUBTS[book.doubt]
            log.warning("nothing is sent until an approver confirms: the ledger %s", why)
            self._deps.chat.say(Notice("unconfirmed", {"since": book.unconfirmed}))
        self._platform.look()
        self._policy.show_all()
        self.callers.start()

    def alive(self, *, heard: bool = True) -> None:
        """Write that the program runs: a later start can tell by it that the ledger is no old copy, and
        (`heard`) since when nobody may have heard people's taps.
        """
        with contextlib.suppress(LedgerClosed):
            self.ledger.note(Alive(heard))

    def announce(self) -> None:
        """Say what is due by the clock alone."""
        for notice in due.notices(self.ledger.book, self._deps.clock.now(), self.rules):
            if (
                notice.code != due.HANDOVER or not self._deps.staff.contested()
            ):  # another program posts it, too
                self._deps.chat.say(notice)

    async def poll(self, source: str | None = None) -> float | None:
        """Read a source once (polling.py; None: the first); seconds after which to look again, None: at the
        next poll.
        """
        if self.ledger.book.open:  # who taps on their cards need not wait for it
            self._platform.look()
        return await self._polling.poll(source)

    async def gather(self, source: str) -> None:
        """The cards of what a source told of before, without asking it again."""
        await self._polling.gather(source)

    async def decide(self, rule: Write) -> Sequence[Line]:
        """The rule's lines, once they are durable and what follows from them (policy.py) is under way.

        What the rule raises (Declined, Asked) passes through; LedgerClosed where nothing can be decided, also
        where that is so only for now: who decides is told, and not kept waiting. NotConfirmed where it takes
        long: it goes on.
        """
        if (closed := self.ledger.closed) is not None and LedgerClosed(closed).away:
            raise LedgerClosed(closed)
        if self.ledger.patience is None:
            return await self._policy.decide(rule)
        deciding = asyncio.ensure_future(self._policy.decide(rule))
        done, _ = await asyncio.wait({deciding}, timeout=self.ledger.patience)
        if not done:
            self._deps.spawn(_ended(deciding))
            raise NotConfirmed("no answer in time")
        return deciding.result()

    async def _carry_on(self, rule: Write) -> Sequence[Line]:
        """The same for what is under way: it waits for a ledger that is away."""
        return await self._policy.decide(rule)

    async def look(self) -> None:
        """Return once what the gateway's platform says of us is known as of now, or seconds later."""
        await self._platform.fresh()

    async def template_news(self, name: str, language: str, trouble: Trouble | None) -> None:
        """The platform told by itself that something is wrong with a template, or (None) that all is well.

        `name` is what the settings call it; of another language (empty: not told) it is none of ours. The
        group is told once, and no tap sends with it until it is read as good or told to be.
        """
        await self._platform.news(name, language, trouble)

    def said(self, case: Case, found: Found) -> list[str]:
        """What the first of the customers would read, a text a template; of one that nobody knows, none."""
        names = (onu.name for onu in found.affected.onus)
        return self._platform.said(case, next(filter(None, names), ""))

    @property
    def inventory(self) -> Inventory:
        """Every port that is known to have ONUs, as it was read last."""
        return self._inventory.known

    @property
    def late(self) -> frozenset[int]:
        """The cases of which a request's answer did not come in time, and may still come."""
        return frozenset(case for case, _ in self._sender.late)

    def expected(self, number: int) -> Tally | None:
        """What an approval of a case would come to now (`todo` would leave); None where that is not known."""
        return self._ahead.expected(number)

    def need(self, number: int) -> int | None:
        """How many of those are people whom today's limit does not count yet; None where nobody knows."""
        return self._ahead.need(number)

    def waiting(self) -> Mapping[int, Sequence[Recipient]]:
        """The customers of cases that wait for a decision, by case, as far as they were looked up."""
        return self._ahead.customers()

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
        await self._policy.observe(unknown.evidence(doubts, listed))

    async def left(self, about: str, receipt: Receipt) -> None:
        """What another machine heard of a send (`Message.about`) that who led before did not live to hear."""
        if (place := place_in(about, self.ledger.book.key)) is not None:
            await self._policy.observe(unknown.heard(place, receipt))

    async def details(self, number: int) -> Found:
        """Who is affected, looked up now or within the last two minutes. Raises what the look-up raises.

        Declined("case_left") where the case left the book: what was of it is in the ledger.
        """
        return await self._details.of(number)

    async def _observe(self, rule: Write) -> Sequence[Line]:
        return await self._policy.observe(rule)

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
        self._ahead.stop()
        self._dispatcher.drain()
        self.receipts.drain()
        self._platform.drain()
        self._details.drain()

    async def stopped(self, *, heard: bool = True) -> None:
        """Write that the program stopped in order; `heard` as above."""
        try:
            await self.decide(lambda _book, _now: [Stopped(heard)])
        except LedgerClosed as error:
            log.error("the stop could not be written: %s", error)  # noqa: TRY400

    def _olts(self, scopes: Sequence[Scope]) -> list[str]:
        return [self._inventory.name(scope.olt, self.ledger.book) for scope in scopes]


async def _ended(deciding: "asyncio.Future[Sequence[Line]]") -> None:
    """Whoever decided has gone: the card says what came of it."""
    with contextlib.suppress(Declined, LedgerClosed):
        await deciding
