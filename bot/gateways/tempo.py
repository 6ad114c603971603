"""How fast a gateway may be sent to, by what it answers. Pure: whoever asks says what time it is."""

from collections import deque
from math import inf

FIRST_RATE, LEAST_RATE = 20.0, 1.0  # messages a second: at the beginning, and whatever is answered
FIRST_FLIGHT, LEAST_FLIGHT = 10.0, 4.0  # in flight
RISE = 2.0  # messages a second more for each quick answer: twice as fast in a second, up to answers of 1.5 s
WIDEN = 1.0  # more in flight for each quick answer, where the rate takes more
KNOWN = 0.8  # of the rate that was too much: up to there it rises again at once, ...
REGAINED = 20.0  # ... and beyond it with the third power of the time: hardly at first, twice as much by then
APART = 1.0  # seconds after a halving without another, or a rise: what it changed is not seen before
TIMES, GRACE = 3.0, 0.2  # a quick answer takes at most so many times the usual, and so many seconds more
LONGEST = 10.0  # seconds, whatever is usual: after thirty an answer is lost, and its message in doubt
AVERAGED, ENOUGH = 50, 10  # answers in an average, and how many make one
LATELY = 15.0  # seconds: the usual is the least average of the last one or two of these
CHANGED = 1.5  # times what was quick before: the gateway got slower by itself, so nothing was too much
LAST, SLOW = 10, 7  # answers get slow: so many of the last ones are


class Tempo:
    """A rate that rises while answers are quick, and is halved by a throttle or by answers that get slow.

    `quick` is how many seconds a quick answer takes at most.
    """

    def __init__(self, fastest: float, sends: float) -> None:
        self._fastest, self._sends, self._room = fastest, sends, min(FIRST_FLIGHT, sends)
        self.rate, self.quick = min(FIRST_RATE, fastest), LONGEST
        self._too_much, self._halved_at = inf, -inf
        self._count, self._average = 0, 0.0
        self._least, self._least_before, self._since = inf, inf, -inf
        self._slow: deque[bool] = deque(maxlen=LAST)

    def flight(self, rate: float) -> float:
        """How many may be in flight at a rate: as many as it takes while answers are quick."""
        return min(self._sends, self._room, max(LEAST_FLIGHT, rate * self.quick))

    def answered(self, now: float, seconds: float, *, throttled: bool, wanted: bool) -> None:
        """An answer came after so many seconds; `wanted`: others wait to leave, so that more would."""
        if now - seconds < self._halved_at:
            return  # it left at the rate before, of which enough is known
        if throttled:
            self._halve(now)
            return
        self._learn(now, seconds)
        self._slow.append(seconds > self.quick)
        if sum(self._slow) >= SLOW:
            self._halve(now)
        elif wanted and not self._slow[-1] and now - self._halved_at >= APART:
            self.rate = max(self.rate, min(self.rate + RISE, self._bearable(now)))
            self._room = min(self._room + WIDEN, self._sends)

    def _bearable(self, now: float) -> float:
        """Up to where it may rise: carefully where it was too much before, and ever less so."""
        if self._too_much == inf:
            return self._fastest
        return min(self._fastest, KNOWN * self._too_much * (1 + ((now - self._halved_at) / REGAINED) ** 3))

    def _halve(self, now: float) -> None:
        if now - self._halved_at < APART:
            return
        self._room = max(LEAST_FLIGHT, self.flight(self.rate) / 2)
        self._too_much, self._halved_at = self.rate, now
        self.rate = max(LEAST_RATE, self.rate / 2)
        self._slow.clear()

    def _learn(self, now: float, seconds: float) -> None:
        """What is usual: the least, as an average grows with what we do; and lately, as a gateway changes."""
        self._count += 1
        self._average += (seconds - self._average) / min(self._count, AVERAGED)
        if now - self._since >= LATELY:
            self._least_before, self._least, self._since = self._least, inf, now
        self._least = self._average if self._count <= ENOUGH else min(self._least, self._average)
        before, usual = self.quick, min(self._least, self._least_before)
        self.quick = min(TIMES * usual + GRACE, LONGEST)
        if self.quick > CHANGED * before:
            self._too_much = inf
