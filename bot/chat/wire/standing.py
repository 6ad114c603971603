"""Whether the group takes what the bot posts: logged once when it stops and once when it does again."""

import logging
from collections.abc import Callable

from bot.chat.screens.posting import Mute, Why
from bot.ports import Clock

log = logging.getLogger(__name__)

FLOOD = 120.0  # seconds; a shorter pause is Telegram's everyday pace


class Standing:
    """What became of the last posts to the group."""

    def __init__(self, clock: Clock, changed: Callable[[Mute, bool], None]) -> None:
        """`changed` hears of each `Mute`: when it begins (True) and when it is over (False)."""
        self._clock = clock
        self._changed = changed
        self._paced_since: float | None = None
        self._muted_at = 0.0
        self.mute: Mute | None = None

    @property
    def muted_for(self) -> float:
        """Seconds since when nothing is taken; 0 while something is."""
        return 0.0 if self.mute is None else self._clock.monotonic() - self._muted_at

    def refused(self, why: Why) -> None:
        """A post was refused until a person does something about it, or for long."""
        if self.mute is not None:
            self.mute = Mute(why, self.mute.since)
            return
        self.mute, self._muted_at = Mute(why, self._clock.now()), self._clock.monotonic()
        log.error("the group takes nothing that the bot posts (%s): all of it waits", why)
        self._changed(self.mute, True)

    def paced(self, seconds: float) -> None:
        """Telegram wants a pause; one that is long, also as the sum of several, hides what happens."""
        now = self._clock.monotonic()
        if self._paced_since is None:
            self._paced_since = now
        if now + seconds - self._paced_since > FLOOD:
            self.refused("flood")

    def arrived(self) -> None:
        """A post or an edit was taken."""
        self._paced_since = None
        if self.mute is None:
            return
        over, lasted, self.mute = self.mute, self.muted_for, None
        log.warning("the group takes posts again after %.0f s (%s)", lasted, over.why)
        self._changed(over, False)
