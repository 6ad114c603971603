"""How often one person gets something in a minute."""

from collections import deque

from bot.ports import Clock

MINUTE = 60.0
_PEOPLE = 500  # remembered; who is forgotten starts anew


class Turns:
    """`a_minute` turns for each person within any minute."""

    def __init__(self, clock: Clock, a_minute: int) -> None:
        self._clock = clock
        self._a_minute = a_minute
        self._taken: dict[int, deque[float]] = {}

    def take(self, user: int) -> bool:
        """Count one turn for this person; False where they had theirs in this minute."""
        now = self._clock.monotonic()
        taken = self._taken.pop(user, deque())
        self._taken[user] = taken  # the one heard last is forgotten last
        while taken and taken[0] <= now - MINUTE:
            taken.popleft()
        if len(taken) >= self._a_minute:
            return False
        taken.append(now)
        while len(self._taken) > _PEOPLE:
            del self._taken[next(iter(self._taken))]
        return True
