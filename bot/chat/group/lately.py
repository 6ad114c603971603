"""The last day, in numbers and as a picture: what /status and a handover tell.

A picture says nothing that no text says: it leaves while the group has room for it, and is left out where it
has not, where none can be made, or where Telegram does not take it.
"""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bot.chat.screens.charts.day import day_chart, since
from bot.chat.screens.screen import Photo
from bot.chat.wire.budget import LONGEST_PAUSE, Urgency
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.refusals import Away, Barred, Gone, Moved, Paced, Rejected, Unsure
from bot.chat.wire.standing import Standing
from bot.domain.figures.day import Day
from bot.domain.shift.lately import Before
from bot.flow.lately import before, last_day

log = logging.getLogger(__name__)

AGAIN = 60.0  # seconds from one picture in a chat to the next
SOON = 5.0  # seconds that it waits for what has just left: the text that it comes behind


class Where(Protocol):
    """Where the group is, and whether it takes posts."""

    @property
    def group(self) -> int:
        """Its id."""

    @property
    def standing(self) -> Standing:
        """Whether it takes posts."""


class Lately:
    """The last day of this NOC."""

    def __init__(self, deps: ChatDeps, where: Where) -> None:
        self._d, self._where = deps, where
        self._shown: dict[int, float] = {}

    async def day(self) -> Day:
        """In numbers, as it is now. `line_of_day` says them in words."""
        now = self._d.clock.now()
        return await last_day(self._d.book, since(now, self._d.words), now)

    async def before(self, since: datetime) -> Before:
        """What a shift is told of what happened since then."""
        found, rules = await before(self._d.book, since, await self.day()), self._d.rules
        if not rules.regions:
            return found
        own = [one for one in found.fallen if rules.region_of(one[0].olt) == self._d.region]
        return replace(found, fallen=own)

    async def show(self, day: Day, chat: int, *, reply_to: int | None = None) -> bool:
        """The picture of a day is in the chat; False where it was left out. Never raises."""
        if self._d.pictures is None or not self._has_room(chat):
            return False
        self._shown[chat] = self._d.clock.monotonic()
        picture = await self._d.pictures.drawn(day_chart(day, self._d.words).alone())
        if picture is None or not await self._takes_its_turn(chat):
            return False
        caption = str(self._d.words.say("chart.caption", at=day.until))
        return await self._sent(chat, Photo(self._d.words.plain("chart.file"), picture, caption), reply_to)

    def _has_room(self, chat: int) -> bool:
        """The group only while less than half of its budget is used, and no chat twice in a minute."""
        now = self._d.clock.monotonic()
        self._shown = {one: at for one, at in self._shown.items() if now - at < AGAIN}
        return chat not in self._shown and (chat != self._where.group or self._soon() is not None)

    def _soon(self) -> float | None:
        """In how many seconds the group takes one more; None where that is too long to wait for."""
        seconds = self._d.budget.wait(Urgency.REFRESH)
        return None if seconds > SOON or self._where.standing.mute is not None else seconds

    async def _takes_its_turn(self, chat: int) -> bool:
        if chat != self._where.group:
            return True
        while seconds := self._soon():
            await self._d.clock.sleep(seconds)
        if seconds is None:
            return False
        self._d.budget.spend(Urgency.ANSWER)
        return True

    async def _sent(self, chat: int, photo: Photo, reply_to: int | None) -> bool:
        try:
            await self._d.outbox.send_photo(chat, photo, reply_to=reply_to)
        except Paced as wish:
            if chat == self._where.group:
                self._d.budget.pause(min(wish.seconds, LONGEST_PAUSE))
        except (Away, Unsure, Moved, Gone, Barred, Rejected) as error:
            log.info("a picture was left out (%s)", error)
        else:
            return True
        return False
