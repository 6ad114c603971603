"""How many messages and edits the group takes (contracts/telegram.md: about 20 a minute, 1 a second)."""

import math
from collections import deque
from enum import IntEnum

from bot.ports import Clock

LIMIT, WINDOW = 18, 60.0  # two below Telegram's own 20: its clock and ours do not tick together
GAP = 1.0
RESERVE = 5


class Urgency(IntEnum):
    """What goes first, and how much of the budget it may use."""

    URGENT = 0  # decisions, results, answers to commands: everything
    FACT = 1  # new cards and changed facts: all but a reserve for the urgent
    REFRESH = 2  # the minutes on a card: only while less than half is used


class Budget:
    """A moving window over everything that lands in the group: posts, edits, replies, documents."""

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int = LIMIT,
        window: float = WINDOW,
        gap: float = GAP,
        reserve: int = RESERVE,
    ) -> None:
        """At most `limit` in any `window` seconds, `gap` seconds apart, the last `reserve` for the urgent."""
        self._clock = clock
        self._window = window
        self._gap = gap
        self._allowed = {
            Urgency.URGENT: limit,
            Urgency.FACT: max(1, limit - reserve),
            Urgency.REFRESH: max(1, math.ceil(limit / 2) - 1),
        }
        self._spent: deque[float] = deque()
        self._paused_until = -math.inf

    @property
    def pace(self) -> float:
        """Seconds between the edits of one card at which it alone never uses the window up."""
        return self._window / self._allowed[Urgency.FACT]

    def wait(self, urgency: Urgency) -> float:
        """Seconds until one more of this urgency may leave; 0 means now."""
        now = self._clock.monotonic()
        while self._spent and self._spent[0] <= now - self._window:
            self._spent.popleft()
        at = self._paused_until
        if self._spent:
            at = max(at, self._spent[-1] + self._gap)
        over = len(self._spent) - self._allowed[urgency]
        if over >= 0:
            at = max(at, self._spent[over] + self._window)
        return max(0.0, at - now)

    def spend(self) -> None:
        """One more left."""
        self._spent.append(self._clock.monotonic())

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds` (Telegram said so)."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    async def acquire(self, urgency: Urgency) -> None:
        """Return when one more may leave; it counts as spent."""
        while (seconds := self.wait(urgency)) > 0:
            await self._clock.sleep(seconds)
        self.spend()
