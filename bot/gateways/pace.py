"""The pace of a gateway: evenly spaced, and still while the gateway asked for a pause."""

from aiolimiter import AsyncLimiter

from bot.ports import Clock


class Pace:
    """`bot.ports.Limiter`: `rate` messages a second, at most max(1, rate / 10) at once; 0 = no limit."""

    def __init__(self, rate: float, clock: Clock) -> None:
        burst = max(1.0, rate / 10)
        self._slots = AsyncLimiter(burst, burst / rate) if rate else None
        self._clock = clock
        self._still_until = float("-inf")

    @property
    def free(self) -> bool:
        """Whether there is no rate, and no pause now."""
        return self._slots is None and self._clock.monotonic() >= self._still_until

    async def acquire(self) -> None:
        """Return when one more message may leave."""
        while True:
            await self._pause_over()
            if self._slots is not None:
                await self._slots.acquire()
            if self._clock.monotonic() >= self._still_until:
                return  # else a pause began meanwhile: take a new slot after it, or all would leave at once

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds`; a shorter pause never ends a longer one."""
        self._still_until = max(self._still_until, self._clock.monotonic() + seconds)

    async def _pause_over(self) -> None:
        while (left := self._still_until - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
