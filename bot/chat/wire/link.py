"""Whether Telegram answers: logged once when it breaks and once when it heals."""

import logging
from collections.abc import Callable
from datetime import datetime

from bot.ports import Clock

log = logging.getLogger(__name__)
WORTH_TELLING = 30.0  # seconds; a shorter gap nobody in the group has noticed


class Link:
    """The connection, as seen by its parts (`poll`, `send`); healed once every broken part works again."""

    def __init__(self, clock: Clock, back: Callable[[datetime], None]) -> None:
        """`back` is called with the start of an outage that was long enough to tell the group."""
        self._clock = clock
        self._back = back
        self._broken: set[str] = set()
        self._since: tuple[datetime, float] | None = None

    @property
    def away_since(self) -> datetime | None:
        """Since when Telegram is away, None while it answers."""
        return self._since[0] if self._since else None

    def broken(self, part: str, why: BaseException) -> None:
        """A call failed. Only the error's type is logged: its text may hold the token."""
        if self._since is None:
            self._since = (self._clock.now(), self._clock.monotonic())
            log.warning("Telegram is away (%s, %s)", part, type(why).__name__)
        self._broken.add(part)

    def works(self, part: str) -> None:
        """A call was answered."""
        self._broken.discard(part)
        if self._since is None or self._broken:
            return
        (since, started), self._since = self._since, None
        away = self._clock.monotonic() - started
        log.warning("Telegram is back after %.0f s", away)
        if away > WORTH_TELLING:
            self._back(since)
