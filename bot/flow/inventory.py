"""Which ports each OLT has, as the source last told it: the denominator of "nearly all of them"."""

import asyncio
import logging
import math

from bot.domain.book import Book
from bot.domain.incident import Inventory
from bot.domain.limits.silence import same_olt, squeezed
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.ports import Source

log = logging.getLogger(__name__)

FRESH = 6 * 3600.0  # seconds
TRIED = 300.0  # seconds between tries where it cannot be read
WITHIN = 10.0  # seconds: cards wait for it, and Telegram takes the answer to a tap for about 15


class InventoryCache:
    """The inventory, read when it is needed and old. What cannot be read is not known, and stops nothing."""

    def __init__(self, source: Source) -> None:
        self.known: Inventory = {}
        self._source = source
        self._next = -math.inf

    async def refresh(self, now: float) -> None:
        """Read it where it is old, within `WITHIN`. `now` is monotonic."""
        if now < self._next:
            return
        self._next = now + TRIED
        try:
            async with asyncio.timeout(WITHIN):
                self.known = await self._source.inventory()
        except (TryLater, AnswerLost, Refused, BadAnswer, TimeoutError) as error:
            log.info("the list of ports could not be read: %s", str(error) or "too slow")
        else:
            self._next = now + FRESH

    def name(self, typed: str, book: Book) -> str:
        """The OLT's own name, by the list or by what was seen of it; empty where there is none.

        Spaces may be left out where that leaves one OLT alone.
        """
        names = dict.fromkeys((*self.known, *book.olts))
        same = [name for name in names if same_olt(typed, name)]
        alike = [name for name in names if squeezed(typed) == squeezed(name)]
        if same:
            return typed if typed in same else same[0]
        return alike[0] if len({tuple(name.split()) for name in alike}) == 1 else ""
