"""What the machine that leads does with each message: it sends it, or hands it to another one, in turn.

Everything about a message is decided here all the same: its claim, the pace, whether it is tried again. The
other machine is no more than another way to the gateway. What soon is known not to have left there is sent
by this machine at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from bot.domain.plan import BROKEN_OFF, IN_DOUBT, Message, Outcome, Receipt
from bot.errors import Throttled, TryLater
from bot.ports import Clock
from bot.process.cluster.copying import either
from bot.storage.postgres.notices import Notices
from bot.storage.postgres.sends import CHANNEL, Answer, Handing, Parcel
from bot.storage.postgres.talk import Away

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at the answers, whatever is told of them, while any is waited for
MACHINES = 1.0  # seconds between two looks at who is there
TAKEN_WITHIN = 1.5  # seconds after which one that was handed over is taken back, if nobody took it
AT_ONCE = 3.0  # seconds after which one that did not leave there is not sent here: it may be halted by then
ASIDE = 30.0  # seconds that a machine is handed nothing that did not take a message, or could not send it
ANSWERED_WITHIN = 25.0  # seconds, below those of the sender: a machine that was lost is none of the gateway's
LOST = 7.0  # seconds after which who is silent is not waited for any more: ten in all
BEFORE = 120.0  # seconds in which answers to who led before may come
CLEAR = 3600.0  # seconds between two times that what nobody needs is cleared away
Listen = Callable[[Callable[[], None]], Notices]
Own = Callable[[Message], Awaitable[Receipt]]
Left = Callable[[str, Receipt], Awaitable[None]]


class Sharing:
    """`bot.ports.Fleet` of the machine that leads."""

    def __init__(self, handing: Handing, listen: Listen, own: Own, left: Left, clock: Clock) -> None:
        """`left` is told, by `Message.about`, what came of messages that who led before had handed over."""
        self._handing, self._own, self._left, self._clock = handing, own, left, clock
        self._numbers, self._turn = count(1), 0
        self._machines: tuple[str, ...] = ()
        self._aside: dict[str, float] = {}
        self._out: list[tuple[Parcel, asyncio.Future[str | None]]] = []
        self._waiting: dict[str, tuple[str, asyncio.Future[Answer]]] = {}
        self._gone: dict[str, float] = {}
        self._began = clock.monotonic()
        self._to_put, self._news = asyncio.Event(), asyncio.Event()
        self._notices = listen(self._news.set)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def open(cls, url: str, epoch: int, gateway: str, own: Own, left: Left, clock: Clock) -> "Sharing":  # noqa: PLR0917
        """One that asks the database there; `gateway` as in `Handing`."""
        return cls(Handing(url, epoch, gateway), partial(Notices, url, channel=CHANNEL), own, left, clock)

    @property
    def machines(self) -> int:
        """How many send now, this one among them."""
        return 1 + len(self._free())

    def start(self) -> None:
        """Look for other machines from now on."""
        loop = asyncio.get_running_loop()
        works: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (self._hand, self._hear, self._keep)
        self._tasks = [loop.create_task(_kept_on(work), name="sharing") for work in works]
        self._notices.start()

    async def stop(self) -> None:
        """Nothing is handed over or heard any more."""
        await self._notices.stop()
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._handing.hang_up()

    async def send(self, message: Message) -> Receipt:
        """As `Gateway.send`."""
        owner, began = self._next(), self._clock.monotonic()
        if owner is None:
            return await self._own(message)
        answer = await self._elsewhere(owner, message)
        found = answer.receipt
        if found is None and answer.asked:
            raise Throttled(answer.why, answer.pause)
        if found is None or found.outcome in IN_DOUBT or found.halt is not None:
            why = answer.why if found is None else found.reason
            self._put_aside(owner, f"could not send a message ({why})")
        left = found is not None and (found.outcome is not Outcome.REJECTED or found.halt is None)
        if not left and self._clock.monotonic() - began < AT_ONCE:
            return await self._own(message)  # nobody has it, and here all may be well
        if found is None or not left:
            raise TryLater(answer.why if found is None else found.reason or "refused", answer.pause)
        return found

    def _next(self) -> str | None:
        """Whose turn it is; None: this machine's."""
        free = self._free()
        self._turn = (self._turn + 1) % (len(free) + 1)
        return free[self._turn - 1] if self._turn else None

    def _free(self) -> list[str]:
        now = self._clock.monotonic()
        return [one for one in self._machines if self._aside.get(one, now) <= now]

    def _put_aside(self, owner: str, why: str) -> None:
        if owner in self._free():
            log.warning("%s %s: it is handed none for %.0f s", owner.partition(" ")[0], why, ASIDE)
        self._aside[owner] = self._clock.monotonic() + ASIDE

    async def _elsewhere(self, owner: str, message: Message) -> Answer:
        """What came of it there."""
        parcel = Parcel(f"{self._handing.epoch}-{next(self._numbers)}", owner, message)
        loop = asyncio.get_running_loop()
        put: asyncio.Future[str | None] = loop.create_future()
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiting[parcel.id] = owner, waiter
        self._out.append((parcel, put))
        self._to_put.set()
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                mark = await put
                if mark is None or await self._is_back(parcel, mark, waiter):
                    return Answer(why="not_taken")
                return await waiter
        except TimeoutError:
            return Answer(BROKEN_OFF)
        finally:
            del self._waiting[parcel.id]

    async def _is_back(self, parcel: Parcel, mark: str, waiter: "asyncio.Future[Answer]") -> bool:
        """Whether nobody took it in time, and nobody will. It returns once that is known, or an answer."""
        while True:
            await asyncio.wait({waiter}, timeout=TAKEN_WITHIN)
            if waiter.done():
                return False
            try:
                back = parcel.id in await self._handing.take_back([parcel.id], mark)
            except Away as error:  # it may be long until it is known: what comes next is not to wait, too
                self._put_aside(parcel.owner, f"may have been handed a message ({error})")
            else:
                return back and not waiter.done()  # an answer that was heard is gone from there

    async def _hand(self) -> None:
        while True:
            await self._to_put.wait()
            self._to_put.clear()
            out = [one for one in self._out if not one[1].done()]  # for the others nobody waits any more
            self._out, mark = [], None
            if not out:  # to hand over nothing would look as if the table had been emptied
                continue
            with suppress(Away):
                mark = await self._handing.put([parcel for parcel, _ in out])
            for _, put in out:
                if not put.done():
                    put.set_result(mark)

    async def _hear(self) -> None:
        while True:
            await either(self._news, LOOK)
            self._news.clear()
            with suppress(Away):
                await self._take_in()
                if self._clock.monotonic() - self._began < BEFORE:
                    await self._take_in_before()

    async def _take_in(self) -> None:
        answers, late = await self._handing.answers(), []
        for id_, about, answer in answers:
            _, waiter = self._waiting.get(id_, ("", None))
            if waiter is not None and not waiter.done():
                waiter.set_result(answer)
            else:  # it came too late for who waited
                late.append((about, answer))
        await self._tell(late)
        if answers:
            await self._handing.heard(id_ for id_, _, _ in answers)

    async def _take_in_before(self) -> None:
        answers = await self._handing.answers(before=True)
        await self._tell((about, answer) for _, about, answer in answers)
        if answers:
            await self._handing.heard(id_ for id_, _, _ in answers)

    async def _tell(self, answers: Iterable[tuple[str, Answer]]) -> None:
        for about, answer in answers:
            try:
                if answer.receipt is not None:
                    await self._left(about, answer.receipt)
            except Exception:  # the edge: it stays in doubt, and keeps no other from being told
                log.exception("what came of a message that another machine sent cannot be written")

    async def _keep(self) -> None:
        cleared, away = float("-inf"), False
        while True:
            try:
                if self._clock.monotonic() - cleared >= CLEAR:
                    await self._handing.clear()
                    cleared = self._clock.monotonic()
                self._there(tuple(await self._handing.machines()))
                away = False
            except Away as error:
                if not away:
                    log.warning("which other machines send is not known (%s)", error)
                away = True
            await asyncio.sleep(MACHINES)

    def _there(self, machines: tuple[str, ...]) -> None:
        for one in {*machines} ^ {*self._machines}:
            how = "sends messages, too" if one in machines else "sends no messages any more"
            log.info("%s %s", one.partition(" ")[0], how)
        now, self._machines = self._clock.monotonic(), machines
        out = {owner for owner, _ in self._waiting.values()}
        lost = out.difference(machines, self._handing.ending)
        self._gone = {one: self._gone.get(one, now) for one in lost}
        for owner, waiter in self._waiting.values():
            if now - self._gone.get(owner, now) >= LOST and not waiter.done():
                waiter.set_result(Answer(BROKEN_OFF))  # what it hears all the same is told then
        self._aside = {one: until for one, until in self._aside.items() if one in machines}


async def _kept_on(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """The edge: what goes wrong once must not end it, as every message would wait for its answer in vain."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("sharing the sending with other machines went wrong, and goes on")
            await asyncio.sleep(MACHINES)
