"""How many messages and edits Telegram takes (README.md): of a group about 20 a minute, 1 a second; of a bot
30 a second.
"""

import math
from collections import deque
from enum import IntEnum
from functools import partial

from bot.ports import Clock

LIMIT, WINDOW = 18, 60.0  # two below Telegram's own 20: its clock and ours do not tick together
GAP, BURST_GAP = 1.0, 0.4  # Telegram bears a short burst: people who decide at once are one
LONGEST_PAUSE = 900.0  # seconds; then one more is tried, whatever Telegram said
A_SECOND, AT_ONCE = 22.0, 6  # of the whole bot: never more than 28 in any second
_NOW = 1e-6  # seconds: as good as none
MOST_KEPT = 10  # decisions: more than people make in a minute
KEPT_FROM_CARDS = 2  # for results, in a storm
KEPT_FROM_STARTS, KEPT_FROM_ANSWERS, KEPT_FROM_FACTS = 5, 6, 8


class Urgency(IntEnum):
    """What goes first, and how much of the budget it may use."""

    DECISION = 0  # a card that still offers what was decided: everything
    URGENT = 1  # results, notices: everything but what a storm keeps for decisions
    START = 2  # new cards, and "sending": its card can be stopped already (Cancelar), its result may be near
    ANSWER = 3  # to commands and taps, which anybody in the group may give: at most a third, too
    FACT = 4  # changed facts, progress
    REFRESH = 5  # the minutes on a card: only while less than half is used


class InAll:
    """What all chats take together: `AT_ONCE`, then `A_SECOND`; whoever asks first leaves first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = -math.inf

    async def turn(self) -> None:
        """Returns when one more may leave."""
        now = self._clock.monotonic()
        self._due = max(self._due + 1 / A_SECOND, now)
        if (left := self._due - (AT_ONCE - 1) / A_SECOND - now) > _NOW:
            await self._clock.sleep(left)


class Budget:
    """A moving window over everything that lands in the group: posts, edits, replies, documents.

    In a storm part of it is kept for decisions, as many as there are cards that may be decided (`keep`).
    """

    def __init__(self, clock: Clock, *, limit: int = LIMIT, window: float = WINDOW, gap: float = GAP) -> None:
        """At most `limit` in any `window` seconds, `gap` seconds apart; less for what is less urgent."""
        self._clock = clock
        self._window = window
        self._gap = gap
        self._kept = 0
        self._allowed = {
            Urgency.DECISION: limit,
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
        return self._window / self._room_for(Urgency.FACT)

    def answers_left(self) -> int:
        """How many answers may leave in the next seconds."""
        now = self._clock.monotonic()
        if self._paused_until > now:
            return 0
        for spent in (self._spent, self._answered):
            self._forget(spent, now)
        room = self._room_for(Urgency.ANSWER) - len(self._spent)
        return max(0, min(room, self._answers_allowed - len(self._answered)))

    def keep(self, cards: int) -> None:
        """So many cards may be decided at any moment: there is to be room to show it on each, at once.

        With that, no result, notice or new card ever leaves too little for the decisions that may follow.
        """
        self._kept = min(cards, MOST_KEPT)

    def _room_for(self, urgency: Urgency) -> int:
        allowed = self._allowed[urgency]
        if urgency is Urgency.DECISION or not self._kept:
            return allowed
        kept = self._kept
        if urgency is not Urgency.URGENT:  # a new card may be decided, too
            kept += KEPT_FROM_CARDS + (self._kept < MOST_KEPT)
        return max(1, min(allowed, self._allowed[Urgency.DECISION] - kept))

    def wait(self, urgency: Urgency) -> float:
        """Seconds until one more of this urgency may leave; 0 means now."""
        now = self._clock.monotonic()
        at = self._paused_until
        if self._spent:
            gap = min(self._gap, BURST_GAP) if urgency is Urgency.DECISION else self._gap
            at = max(at, self._spent[-1] + gap)
        at = max(at, self._room(self._spent, self._room_for(urgency), now))
        if urgency is Urgency.ANSWER:
            at = max(at, self._room(self._answered, self._answers_allowed, now))
        return max(0.0, at - now)

    def _room(self, spent: deque[float], allowed: int, now: float) -> float:
        """When fewer than that many lie in the window."""
        self._forget(spent, now)
        over = len(spent) - allowed
        return spent[over] + self._window if over >= 0 else -math.inf

    def _forget(self, spent: deque[float], now: float) -> None:
        """Leave out what the window has left behind."""
        while spent and spent[0] <= now - self._window:
            spent.popleft()

    def spend(self, urgency: Urgency = Urgency.URGENT) -> None:
        """One more left."""
        self._spent.append(self._clock.monotonic())
        if urgency is Urgency.ANSWER:
            self._answered.append(self._clock.monotonic())

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds` (Telegram said so), or for as long as that is believed."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + min(seconds, LONGEST_PAUSE))


class Budgets(dict[int, Budget]):
    """One for each chat, by its configured id: several NOCs may write to the same one."""

    def __init__(self, clock: Clock, *, limit: int = LIMIT, window: float = WINDOW, gap: float = GAP) -> None:
        """Each is as these say."""
        super().__init__()
        self._made = partial(Budget, clock, limit=limit, window=window, gap=gap)

    def __missing__(self, chat: int) -> Budget:
        return self.setdefault(chat, self._made())
