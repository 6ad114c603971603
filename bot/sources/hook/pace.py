"""How often a sender is listened to, and what it told a moment ago."""

from collections import OrderedDict

from bot.errors import Throttled
from bot.ports import Clock, Heard

A_SECOND = 20
WAIT = 2.0  # seconds: some senders send nothing else while they wait for our answer
KNOWN_FOR = 3600.0  # seconds
KNOWN_AT_MOST = 20_000
LONGEST = 256  # characters


class Pace:
    """So many a second. Who comes too soon waits for its turn, as most senders tell nothing refused again.

    A storm is pushed in one moment, in as many requests as there are ports where the sender groups by port.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rested_at = clock.monotonic()

    async def turn(self) -> None:
        """Return when it is: at once for `A_SECOND` after a rest. Throttled where it is too late."""
        now = self._clock.monotonic()
        busy = round(max(0.0, self._rested_at - now) + 1 / A_SECOND, 6)  # seconds of turns that are taken
        wait = busy - 1.0
        if wait > WAIT:
            raise Throttled("too_many", wait)
        self._rested_at = now + busy
        if wait > 0:
            await self._clock.sleep(wait)


class Deliveries:
    """What was answered to each delivery (`webhook-id`): the same one, sent again, changes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Heard]] = OrderedDict()

    def answered(self, delivery: str) -> Heard | None:
        """What was answered within the last hour."""
        at, heard = self._known.get(delivery, (0.0, None))
        return heard if heard is not None and self._clock.monotonic() - at < KNOWN_FOR else None

    def remember(self, delivery: str, heard: Heard) -> None:
        """Once it is durable."""
        if not delivery or len(delivery) > LONGEST:
            return
        self._known[delivery] = self._clock.monotonic(), heard
        self._known.move_to_end(delivery)
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
