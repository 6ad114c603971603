"""What becomes of messages that the pretend Cloud API took: on the customers' phones, and told by webhook.

Meta tells of a message until the app answers 200, more than once if it likes, and in any order.
"""

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import aiohttp

from bot.simulator.cloud import CloudApi, CloudMessage
from bot.simulator.hook import FAILED, Hook, said, status, template

Word = Literal["sent", "delivered", "read", "failed"]

NO_WHATSAPP, SPENT, PAUSED = 131026, 131048, 132015
TIERS = {"TIER_250": 250, "TIER_2K": 2_000, "TIER_10K": 10_000, "TIER_100K": 100_000}
DAY = 24 * 3600.0
AT_ONCE = 500  # things told in one body
AGAIN = 1.0  # seconds until something is told again


@dataclass
class Habits:
    """How phones and Meta behave: spans are seconds, shares 0 to 1.

    Attributes:
        arrives: After it was taken a message is on the phone, or it is known that it never will be.
        read_after: After that it is read, by the share ``reads``.
        off: The share of phones that are off: nothing more is told of their messages.
        unreachable: The share that does not get the message (131026).
        codes: Phones (digits) that do not get it, each with the error's code.
        held_for: Seconds after which a held message leaves; with ``drops`` it never does (132015).
        pauses_after: So many messages of a template are taken before Meta pauses it; None: any number.
        twice: The share of what is told that is told again.
        shuffled: The share of messages whose statuses are told in another order than they came about.
        forged: The share of bodies that come with somebody else's signature first.
    """

    arrives: tuple[float, float] = (0.2, 1.2)
    read_after: tuple[float, float] = (1.0, 8.0)
    reads: float = 0.6
    off: float = 0.0
    unreachable: float = 0.0
    codes: dict[str, int] = field(default_factory=dict)
    held_for: float = 3.0
    drops: bool = False
    pauses_after: int | None = None
    twice: float = 0.0
    shuffled: float = 0.0
    forged: float = 0.0


class Standing(NamedTuple):
    """How a message stands: ``code`` is the error's where it failed."""

    word: Word
    code: int | None = None


class _Due(NamedTuple):
    """What is to happen or to be told at a time; ``number`` keeps those of the same time in order."""

    at: float
    number: int
    happens: Callable[[], None]
    told: dict[str, Any] | None


class Phones:
    """The phones of everybody whom the API's messages are for.

    The same seed gives the same phone the same fate, whatever the order in which messages are taken.

    Args:
        api: Whose messages they are.
        hook: Where the app listens.
        seed: Of all that happens by chance.
        clock: Seconds.

    Attributes:
        habits: May be changed at any time; what is on its way keeps its fate.
        standings: How each message stands, by its id.
        changed: Called with each message that stands differently now.
    """

    def __init__(
        self, api: CloudApi, hook: Hook, *, seed: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.hook, self.habits = hook, Habits()
        self.standings: dict[str, Standing] = {}
        self.changed: Callable[[CloudMessage], None] = lambda _: None
        self._api, self._seed, self._clock = api, seed, clock
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._written: dict[str, float] = {}  # when each phone was last written to
        self._taken: dict[str, int] = {}  # messages of each template
        self._random = random.Random(seed)
        self._woken = asyncio.Event()
        api.taken, api.keeps = self._take, self._hold

    def say(self, phone: str, text: str) -> None:
        """A customer (digits) writes to the ISP."""
        self._later(0.0, told=said(phone, text))

    def pause(self, name: str) -> None:
        """Meta pauses the template: nothing of it can be sent from now on, and the app is told."""
        self._api.states[name] = "PAUSED"
        self._later(0.0, told=template(name, "PAUSED", "LOW_QUALITY"))

    @property
    def next_at(self) -> float | None:
        """When by the clock something is to happen next; None: nothing is."""
        return self._due[0].at if self._due else None

    async def tell(self) -> list[int]:
        """Everything that is due happens and is told; the HTTP statuses, 0 where nobody listens."""
        now, told = self._clock(), list[dict[str, Any]]()
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            due.happens()
            if due.told is not None:
                told.append(due.told)
        return [await self._post(told[n : n + AT_ONCE]) for n in range(0, len(told), AT_ONCE)]

    async def run(self) -> None:
        """Tells what is due for good."""
        while True:
            await self.tell()
            self._woken.clear()
            wait = None if self.next_at is None else max(0.0, self.next_at - self._clock())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    async def _post(self, told: list[dict[str, Any]]) -> int:
        try:
            if self._random.random() < self.habits.forged:
                await self.hook.forge(*told)
            answer = await self.hook.tell(*told)
        except (aiohttp.ClientError, TimeoutError):
            answer = 0
        for one in told:
            if answer != 200 or self._random.random() < self.habits.twice:  # noqa: PLR2004 - nothing else counts
                self._later(AGAIN, told=one)
        return answer

    def _hold(self, message: CloudMessage) -> None:
        def ends() -> None:
            if self.habits.drops:
                self._api.drop(message)
                self._stands(message, Standing("failed", PAUSED))
                self._later(0.0, told=status(message, FAILED, PAUSED))
            else:
                self._api.release(message)

        self._later(self.habits.held_for, ends)

    def _take(self, message: CloudMessage) -> None:
        """The message is on its way: what will become of it, and when that is told."""
        self._count(message)
        self._stands(message, Standing("sent"))
        habits = self.habits
        chance = random.Random(f"{self._seed} {message.phone} {message.template}")
        fate = self._fate(message, chance)
        order = list(range(len(fate)))
        if chance.random() < habits.shuffled:
            chance.shuffle(order)
        for (seconds, standing), other in zip(fate, order, strict=True):
            told = fate[other][1]
            self._later(
                seconds, self._becoming(message, standing), told=status(message, told.word, told.code)
            )

    def _fate(self, message: CloudMessage, chance: random.Random) -> list[tuple[float, Standing]]:
        """How it will stand, and so many seconds from now."""
        habits, phone = self.habits, message.phone
        arrives, read_after = chance.uniform(*habits.arrives), chance.uniform(*habits.read_after)
        unreachable, off, reads = (chance.random() for _ in range(3))
        code = habits.codes.get(phone) or (SPENT if self._spent() else None)
        if code is None and unreachable < habits.unreachable:
            code = NO_WHATSAPP
        if code is not None:
            return [(arrives, Standing("failed", code))]
        fate = [(arrives / 2, Standing("sent"))]
        if off >= habits.off:
            fate.append((arrives, Standing("delivered")))
            if reads < habits.reads:
                fate.append((arrives + read_after, Standing("read")))
        return fate

    def _count(self, message: CloudMessage) -> None:
        self._written[message.phone] = self._clock()
        self._taken[message.template] = taken = self._taken.get(message.template, 0) + 1
        if taken == self.habits.pauses_after:
            self.pause(message.template)

    def _spent(self) -> bool:
        """Whether more people were written to within a day than the number's tier allows."""
        most = TIERS.get(self._api.tier or "")
        since = self._clock() - DAY
        return most is not None and sum(at > since for at in self._written.values()) > most

    def _becoming(self, message: CloudMessage, standing: Standing) -> Callable[[], None]:
        def becomes() -> None:
            if standing.word == FAILED:
                self._api.drop(message)
            self._stands(message, standing)

        return becomes

    def _stands(self, message: CloudMessage, standing: Standing) -> None:
        if self.standings.get(message.id) != standing:
            self.standings[message.id] = standing
            self.changed(message)

    def _later(
        self, seconds: float, happens: Callable[[], None] = lambda: None, told: dict[str, Any] | None = None
    ) -> None:
        due = _Due(self._clock() + seconds, next(self._numbers), happens, told)
        heapq.heappush(self._due, due)
        self._woken.set()
