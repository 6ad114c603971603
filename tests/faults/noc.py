"""A NOC to attack: the bot over fakes, people who decide, machines that fail, and what really happened.

Customers are `c<port><n>`; the same people live on both ports, so `c10` and `c20` have one phone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.domain.customer import Contact, Link, Onu
from bot.domain.incident import Incident, Kind
from bot.domain.plan import Choice
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.steps.unknown import Choose
from tests.fakes import ANA, BRUNO, port, settled
from tests.faults.crash_ledger import CrashLedger
from tests.faults.world import Asked, World

PORTS = ("1", "2")
PEOPLE = (ANA, BRUNO)
KEEPS_ALIVE = 900.0


class Noc(World):
    """Every method is a step of a story, told in it by its own words."""

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
        """Ask the flow for something; `effect` on the truth is there once they were told yes.

        Where a crash comes before the answer the decision may hold or not: what it allows is allowed then,
        what it forbids (`binds`) is not forbidden.
        """
        self.truth.story.append(f"{who.name} {what}")

        async def asked() -> None:
            try:
                answer = await ask()
            except Declined as no:
                self.truth.story.append(f"({no.code})")
                return
            except LedgerClosed:
                return
            audit = self.book.audit
            mine = max(n for n, entry in enumerate(audit) if getattr(entry.line, "by", None) == who)
            if mine >= len(self.promised):
                self.promised = [(entry.at, entry.line) for entry in audit[: mine + 1]]
            effect(answer)

        task = asyncio.ensure_future(asked())
        self.asked.append(Asked(task, (lambda: None) if binds else (lambda: effect(None))))
        await settled()
        self.answered()

    async def approve(self, number: int, who: Who) -> None:
        began, gone = self.clock.now(), self._all_over(number)

        def effect(_: object) -> None:
            self.truth.check(not gone, f"case {number} was approved though its outage was seen to be over")
            self.truth.approved(number, self._port(number), began)

        await self.person(f"approves {number}", who, lambda: self.flow.approve(number, who), effect)

    async def deny(self, number: int, who: Who) -> None:
        await self.person(f"denies {number}", who, lambda: self.flow.deny(number, who, "engano"))

    async def cancel(self, number: int, who: Who) -> None:
        def effect(back: object) -> None:
            self.truth.halted(number, taken_back=back is True)

        await self.person(f"cancels {number}", who, lambda: self.flow.cancel(number, who), effect, binds=True)

    async def stop(self, number: int, who: Who) -> None:
        await self.person(
            f"stops {number}",
            who,
            lambda: self.flow.stop(number, who),
            lambda _: self.truth.halted(number),
            binds=True,
        )

    async def resume(self, number: int, who: Who) -> None:
        began = self.clock.now()
        await self.person(
            f"resumes {number}",
            who,
            lambda: self.flow.resume(number, who),
            lambda _: self.truth.goes_on(number, self._port(number), began),
        )

    async def close(self, number: int, who: Who) -> None:
        await self.person(f"closes {number}", who, lambda: self.flow.close(number, who))

    async def release(self, place: str, who: Who) -> None:
        key = port(f"1/{place}").key
        await self.person(
            f"releases port {place}",
            who,
            lambda: self.flow.release(key, who, "pedido"),
            lambda _: self.truth.released(place),
        )

    async def confirm(self, who: Who) -> None:
        await self.person(
            "confirms the ledger", who, lambda: self.flow.confirm(who), lambda _: self.truth.confirmed()
        )

    def in_doubt(self, number: int) -> list[str]:
        """What a person sees in the case's list."""
        dispatch = self.book.cases[number].dispatch if number in self.book.cases else None
        return [recipient.id for recipient in dispatch.in_doubt()] if dispatch is not None else []

    async def resolve(self, number: int, who: Who, choice: Choice, *, bulk: bool) -> None:
        seen = self.in_doubt(number)
        chosen = Choose(number, expected=len(seen)) if bulk or not seen else Choose(number, seen[0])
        if seen:
            what = f"resolves {number} {choice} {'all' if bulk else seen[0]}"
            await self.person(what, who, lambda: self.flow.resolve(chosen, choice, who))

    async def resend(self, number: int, who: Who, *, bulk: bool, off: int = 0) -> None:
        """`off`: the list was another when the person saw it."""
        seen = self.in_doubt(number)
        if not seen:
            return
        named = seen if bulk else seen[:1]
        chosen = Choose(number, expected=len(seen) + off) if bulk else Choose(number, seen[0])
        began, flying = self.clock.now(), sum(self.truth.flying[number, id_] for id_ in named)
        had = set(self.truth.resends)

        def effect(_: object) -> None:
            self.truth.check(not (bulk and off), "a bulk choice held though the list was another")
            self.truth.check(not flying, f"{named} resent while an answer may still come")
            self.truth.goes_on(number, self._port(number), began)

        self.truth.resends |= {(number, id_) for id_ in named}
        before = len(self.truth.story)
        await self.person(
            f"resends {number} {named if bulk else seen[0]} {off}",
            who,
            lambda: self.flow.resend(chosen, who),
            effect,
        )
        if len(self.truth.story) > before + 1 and self.truth.story[before + 1].startswith("("):
            self.truth.resends &= had

    # What machines do

    def outage(self, place: str, customers: int = 3) -> None:
        """A new incident on a port; its customers have the phones of the other port's."""
        self.incidents += 1
        self.truth.story.append(f"outage {self.incidents} on port {place}")
        what = Incident(
            str(self.incidents), Kind.LOS, "pon_loss", port(f"1/{place}"), self.clock.now(), customers, 61
        )
        self.source.incidents[what.id] = what
        self.source.onus[what.id] = [
            Onu(f"ZTEG{place}{n}", f"{place}{n}", f"Cliente {n}", Link.LOS) for n in range(customers)
        ]
        for n in range(customers):
            self.source.contacts[f"{place}{n}"] = Contact(f"{place}{n}", f"Cliente {n}", f"(61) 99100-000{n}")

    def repair(self, number: str) -> None:
        self.truth.story.append(f"outage {number} ends")
        self.source.incidents.pop(number, None)
        self.source.repaired.add(number)

    def back(self, number: str) -> None:
        """An outage that was over is on the list again."""
        place = self.source.onus[number][0].client_id or ""
        self.truth.story.append(f"outage {number} is back")
        self.source.incidents.setdefault(
            number, Incident(number, Kind.LOS, "pon_loss", port(f"1/{place[0]}"), self.clock.now(), 3, 61)
        )

    def reads_over(self, number: str, *, over: bool) -> None:
        self.truth.story.append(f"alert {number} reads {'over' if over else 'open'}")
        (self.source.over.add if over else self.source.over.discard)(number)

    def said_over(self) -> set[str]:
        """The outages whose alerts, read now by themselves, say that they are over."""
        source = self.source
        return set() if source.read_errors else (source.over | source.repaired) - source.unreadable

    def online(self, number: str, n: int) -> None:
        self.truth.story.append(f"customer {n} of {number} is back")
        onus = self.source.onus[number]
        onus[n] = Onu(onus[n].serial, onus[n].client_id, onus[n].name, Link.ONLINE)

    async def poll(self) -> None:
        self.truth.story.append("poll")
        listed, fails = set(self.source.incidents), bool(self.source.poll_errors)
        said = self.said_over()
        done = asyncio.ensure_future(self.flow.poll())
        self.truth.gone -= listed
        await settled()
        if done.done() and not fails and self.source.complete:
            known = set(self.book.by_incident)
            self.truth.gone = (self.truth.gone | (known & said)) - listed
        self.asked.append(Asked(done, lambda: None))
        self.answered()

    async def ask_gateway(self, lag: float) -> None:
        self.truth.story.append(f"the list, {lag:g} s behind")
        self.lag = lag
        self.asked.append(Asked(asyncio.ensure_future(self.flow.ask_gateway()), lambda: None))
        await settled()
        self.answered()

    async def land(self) -> None:
        """Whatever was late is answered."""
        self.truth.story.append("late answers land")
        self.landing.set()
        await settled()
        self.landing = asyncio.Event()

    async def advance(self, seconds: float) -> None:
        self.truth.story.append(f"{seconds:g} s")
        while seconds > 0:
            await self.loop.advance(min(seconds, KEEPS_ALIVE))
            seconds -= KEEPS_ALIVE
            if seconds >= 0:
                self.flow.alive()
        self.answered()

    def set_clock(self, hours: float) -> None:
        self.truth.story.append(f"clock {hours:+g} h")
        self.clock.set(timedelta(hours=hours))

    async def notices_the_clock(self) -> None:
        """One that was ahead and comes back closes the ledger: somebody starts the bot anew."""
        self.flow.alive()
        if getattr(self.ledger.closed, "code", None) == "clock":
            await self.crash()

    async def to_the_end(self) -> None:
        """Everything works again and people settle what is left: nothing runs then, nothing is in doubt."""
        self.away, self.source.complete = False, True
        self.ways.clear()
        self.source.poll_errors.clear()
        self.source.read_errors.clear()
        if isinstance(self.ledger, CrashLedger):
            self.ledger.hold(held=False)
        await self.land()
        await self.crash()
        if self.book.unconfirmed is not None:
            await self.confirm(ANA)
        for _ in range(5):
            await self.poll()
            await self.advance(300)
            for number in sorted(self.book.running):
                await self.resume(number, ANA)
                await self.advance(300)
                if number in self.book.running:
                    await self.close(number, BRUNO)
            self.holds()
        for number in sorted(self.book.cases):
            await self.resolve(number, ANA, "sent", bulk=True)
        await self.advance(1)
        self.holds()
        self.truth.check(not self.book.running, "something runs for ever")
        self.truth.check(not any(map(self.in_doubt, self.book.cases)), "something stays in doubt")

    def _all_over(self, number: int) -> bool:
        """Whether all of the case's outages were seen to be over."""
        case = self.book.cases.get(number)
        return case is not None and set(case.members) <= self.truth.gone

    def _port(self, number: int) -> str:
        return self.book.cases[number].incident.port.place[-1]
