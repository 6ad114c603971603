"""What the pretend gateways have in common: who got what, and how fast they may be asked."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from bot.simulator.server import PATIENCE, Server


class Taken(Protocol):
    """A message that a gateway took."""

    @property
    def phone(self) -> str:
        """Whose it is: digits."""

    @property
    def template(self) -> int | str:
        """What it says."""


M = TypeVar("M", bound=Taken)


class GatewayApi(Server, Generic[M]):
    """A gateway on loopback.

    Attributes:
        received: Every message that was taken for a phone: the ground truth.
        restored: Templates that say that service is back: after the news of an outage one is not twice.
        count: Messages by phone (digits), except those of ``restored``; they are in ``count_restored``.
        rate_limit: Messages a second before it answers that this is too fast; None: no limit.
        taken: Called with each message as it is taken, before that is answered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.received: list[M] = []
        self.restored: set[int | str] = set()
        self.count: Counter[str] = Counter()
        self.count_restored: Counter[str] = Counter()
        self.rate_limit: float | None = None
        self.taken: Callable[[M], None] = lambda _: None
        self._clock = clock
        self._bucket = (0.0, float("-inf"))  # messages allowed, as of when
        self._arrival = asyncio.Event()

    @property
    def duplicates(self) -> int:
        """Phones that got more than one message, or more than one that service is back."""
        return sum(n > 1 for count in (self.count, self.count_restored) for n in count.values())

    async def until(self, count: int, timeout: float | None = PATIENCE) -> None:  # noqa: ASYNC109
        """Returns once so many messages have arrived in all; TimeoutError where they do not.

        Timeout None waits for good.
        """
        async with asyncio.timeout(timeout):
            while len(self.received) < count:
                await self._arrival.wait()

    def counts_of(self, message: M) -> Counter[str]:
        """The count that the message is in."""
        return self.count_restored if message.template in self.restored else self.count

    def _receive(self, message: M) -> None:
        self.received.append(message)
        self.counts_of(message)[message.phone] += 1
        old, self._arrival = self._arrival, asyncio.Event()
        old.set()
        self.taken(message)

    def _wait(self) -> float:
        """Seconds until one more message is allowed; 0 takes one."""
        if self.rate_limit is None:
            return 0.0
        tokens, then = self._bucket
        now = self._clock()
        tokens = min(max(1.0, self.rate_limit), tokens + (now - then) * self.rate_limit)
        if tokens < 1:
            self._bucket = (tokens, now)
            return (1 - tokens) / self.rate_limit
        self._bucket = (tokens - 1, now)
        return 0.0
