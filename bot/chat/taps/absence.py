"""Which taps were made while nobody listened: a tap has no date of its own, so its update says it."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from bot import bodies
from bot.ports import Clock

AWAY = 120.0  # seconds without an answer to getUpdates: what waited meanwhile is asked about, not carried out
AT_ONCE = 0.02  # seconds; what Telegram had to wait longer for was not there before
_REMEMBERED = 5000  # updates
_A_PAGE = 100  # what Telegram gives where no limit is asked for


@dataclass(frozen=True, slots=True)
class Away:
    """From when to when nobody listened."""

    since: datetime
    until: datetime


class Absence:
    """Every answer to getUpdates goes through `answered`; `of` says when an update had to wait for us."""

    def __init__(self, clock: Clock, heard_at: datetime | None, away_after: float = AWAY) -> None:
        """`heard_at` is when the program was last known to hear people, None where it never did."""
        self._clock = clock
        self._away_after = away_after
        self._heard_at = heard_at
        self._ticked_at: float | None = None
        self._away: Away | None = None
        self._drained = False
        self._late: OrderedDict[int, Away] = OrderedDict()

    def answered(self, body: bytes, limit: int | None, waited: float) -> None:
        """Telegram answered, after so many seconds, a getUpdates that asked for `limit` updates at most.

        After an absence all that it gives at once waited for us: until it has nothing, or (once it gave less
        than was asked for) has to wait for something.
        """
        now, ticks = self._clock.now(), self._clock.monotonic()
        if self._heard_at is not None and self._is_long(now, ticks):
            self._away, self._drained = Away(self._heard_at, now), False
        self._heard_at, self._ticked_at = now, ticks
        if self._away is None:
            return
        ids = _ids(body)
        if not ids or (self._drained and waited > AT_ONCE):
            self._away = None
            return
        self._drained = len(ids) < (limit or _A_PAGE)
        for id_ in ids:
            self._late[id_] = self._away
        while len(self._late) > _REMEMBERED:
            self._late.popitem(last=False)

    def of(self, update_id: int) -> Away | None:
        """The absence that this update fell into; None where it came while we listened."""
        return self._late.get(update_id)

    def _is_long(self, now: datetime, ticks: float) -> bool:
        """Whether nobody has listened for long: by either clock, as a machine that sleeps stops one of them.

        A program that starts before its own last line does not know for how long it was away.
        """
        heard_at = self._heard_at or now
        gap = (now - heard_at).total_seconds()
        if self._ticked_at is None:
            return gap > self._away_after or gap < -1
        return max(gap, ticks - self._ticked_at) > self._away_after


def _ids(body: bytes) -> list[int]:
    """The ids of the updates in an answer; none where it cannot be read (then nobody handles them)."""
    try:
        return [int(update["update_id"]) for update in bodies.json_of(body)["result"]]
    except (ValueError, KeyError, TypeError):
        return []
