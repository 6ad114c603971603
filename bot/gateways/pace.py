"""The pace of a gateway: evenly spaced, so many in flight, and still while the gateway asked for a pause."""

import asyncio
from math import inf

from bot.gateways.tempo import Tempo
from bot.ports import Clock

BURST = 0.1  # seconds: as many as fit into it may leave at once
QUIET = 60.0  # seconds after which nothing is known of the gateway any more
LOOK = 1.0  # seconds after which who waits looks again, as the pace may be another one by then
_NOW = 1e-6  # seconds: as good as none


class Pace:
    """`bot.ports.Limiter`.

    Args:
        rate: Messages a second; 0: no limit, None: as the answers allow (`Tempo`).
        clock: The time.
        fastest: Messages a second that it rises to.
        sends: How many may be in flight at most.
        follows: Whether fewer are where quick answers take fewer.
    """

    def __init__(
        self,
        rate: float | None,
        clock: Clock,
        *,
        fastest: float = inf,
        sends: float = inf,
        follows: bool = False,
    ) -> None:
        self._fixed = inf if rate == 0 else rate
        self._clock, self._fastest, self._sends, self._follows = clock, fastest, sends, follows
        self._tempo = Tempo(fastest, sends)
        self._due = self._still_until = self._heard_at = -inf
        self._in_flight = self._waiting = 0
        self._turn, self._landed = asyncio.Lock(), asyncio.Event()

    def follow(self, rate: float | None, sends: float, *, follows: bool) -> None:
        """From now on these hold, also for what waits; what is in flight stays there."""
        if sends != self._sends:
            self._tempo = Tempo(self._fastest, sends)
        self._fixed = inf if rate == 0 else rate
        self._sends, self._follows = sends, follows
        self._due = min(self._due, self._clock.monotonic() + 1 / self.rate)  # it was by the rate before
        self._landed.set()  # who waits for room looks again

    @property
    def rate(self) -> float:
        """Messages a second that may leave now, pauses apart."""
        return self._tempo.rate if self._fixed is None else self._fixed

    def take(self) -> bool:
        """Whether one more may leave right now: it is in flight then, until `landed`."""
        if self._waiting or self._full or self._left() > _NOW:
            return False
        self._leave()
        return True

    async def acquire(self) -> None:
        """The same, once it may; whoever asks first leaves first."""
        self._waiting += 1
        try:
            async with self._turn:
                while True:
                    if self._full:
                        self._landed.clear()
                        await self._landed.wait()
                    elif (left := self._left()) > _NOW:
                        await self._clock.sleep(min(left, LOOK))
                    else:
                        break
                self._leave()
        finally:
            self._waiting -= 1

    def landed(self, seconds: float | None = None, *, throttled: bool = False) -> None:
        """One is not in flight any more: answered after so many seconds, None: nothing is learned of it."""
        self._in_flight -= 1
        self._landed.set()
        self._heard_at = now = self._clock.monotonic()
        if seconds is not None:
            self._tempo.answered(now, seconds, throttled=throttled, wanted=self._waiting > 0)

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds`; a shorter pause never ends a longer one."""
        self._still_until = max(self._still_until, self._clock.monotonic() + seconds)

    @property
    def _full(self) -> bool:
        most = self._tempo.flight(self.rate) if self._follows else self._sends
        return self._in_flight >= most

    def _left(self) -> float:
        """Seconds until rate and pause let one more leave."""
        now = self._clock.monotonic()
        burst = max(0.0, BURST - 1 / self.rate)
        return max(self._due - burst, self._still_until) - now

    def _leave(self) -> None:
        now = self._clock.monotonic()
        if not self._in_flight and now - max(self._heard_at, self._still_until) > QUIET:
            self._tempo = Tempo(self._fastest, self._sends)
        self._in_flight += 1
        self._due = max(self._due, now) + 1 / self.rate
