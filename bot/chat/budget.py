"""How many messages and edits the group takes (contracts/telegram.md: about 20 a minute, 1 a second)."""

import math
from collections import deque
from enum import IntEnum

from bot.ports import Clock

LIMIT, WINDOW = 18, 60.0  # two below Telegram's own 20: its clock and ours do not tick together
GAP = 1.0
LONGEST_PAUSE = 900.0  # seconds; then one more is tried, whatever Telegram said
KEPT_FROM_STARTS, KEPT_FROM_ANSWERS, KEPT_FROM_FACTS = 5, 6, 8


class Urgency(IntEnum):
    """What goes first, and how much of the budget it may use."""

    URGENT = 0  # decisions and results: everything
    START = 1  # new cards, and "sending": its card can be stopped already (Cancelar), its result may be near
    ANSWER = 2  # to commands and taps, which anybody in the group may give: at most a third, too
    FACT = 3  # changed facts, progress
    REFRESH = 4  # the minutes on a card: only while less than half is used


class Budget:
    """A moving window over everything that lands in the group: posts, edits, replies, documents."""

    def __init__(self, clock: Clock, *, limit: int = LIMIT, window: float = WINDOW, gap: float = GAP) -> None:
        """At most `limit` in any `window` seconds, `gap` seconds apart; less for what is less urgent."""
        self._clock = clock
        self._window = window
        self._gap = gap
        self._allowed = {
            Urgency.URGENT: limit,
            Urgency.START: max(1, limit - KEPT_FROM_STARTS),
            Urgency.ANSWER: max(1, limit - KEPT_FROM_ANSWERS),
            Urgency.FACT: max(1, limit - KEPT_FROM_FACTS),
            Urgency.REFRESH: max(1, math.ceil(limit / 2) - 1),
        }
        self._answers_allowed = max(1, limit // 3)  # else two people who ask and ask keep new cards away
        self._spent: deque[float] = deque()
        self._answered: deque[float] = deque()
        self._paused_until = -math.inf

    @property
    def pace(self) -> float:
        """Seconds between the edits of one card at which it alone never uses the window up."""
        return self._window / self._allowed[Urgency.FACT]

    def wait(self, urgency: Urgency) -> float:
        """Seconds until one more of this urgency may leave; 0 means now."""
        now = self._clock.monotonic()
        at = self._paused_until
        if self._spent:
            at = max(at, self._spent[-1] + self._gap)
        at = max(at, self._room(self._spent, self._allowed[urgency], now))
        if urgency is Urgency.ANSWER:
            at = max(at, self._room(self._answered, self._answers_allowed, now))
        return max(0.0, at - now)

    def _room(self, spent: deque[float], allowed: int, now: float) -> float:
        """When fewer than that many lie in the window."""
        while spent and spent[0] <= now - self._window:
            spent.popleft()
        over = len(spent) - allowed
        return spent[over] + self._window if over >= 0 else -math.inf

    def spend(self, urgency: Urgency = Urgency.URGENT) -> None:
        """One more left."""
        self._spent.append(self._clock.monotonic())
        if urgency is Urgency.ANSWER:
            self._answered.append(self._clock.monotonic())

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds` (Telegram said so), or for as long as that is believed."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + min(seconds, LONGEST_PAUSE))
