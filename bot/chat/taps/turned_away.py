"""Taps that are refused: on record, and answered beside what goes on, so that no other tap waits for them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from telegram import CallbackQuery
from telegram.error import TelegramError

from bot.chat.screens.press import Press
from bot.chat.taps.desk import Desk
from bot.chat.wire.turns import Turns
from bot.domain.who import Who
from bot.errors import LedgerClosed
from bot.ports import Clock

log = logging.getLogger(__name__)

A_MINUTE = (
    6  # refusals that one person is told at once: those who tap on are told one by one, after the others
)
AT_ONCE = 8  # answers on their way: of the connections to Telegram the others are for those who may decide
WAITED = 30.0  # seconds: Telegram takes no answer to an older tap, and has let its spinner end


class TurnedAway:
    """What is refused ends here; `tell` returns at once."""

    def __init__(self, desk: Desk, clock: Clock, beside: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._desk = desk
        self._beside = beside
        self._turns = Turns(clock, A_MINUTE)
        self._few, self._one = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(1)

    def tell(
        self, query: CallbackQuery, press: Press | None, why: str, said: str, *, alert: bool = False
    ) -> None:
        """The audit line (repetitions are one), and the answer: whoever is not told why takes it for done."""
        user = query.from_user
        action = press.action.name.lower() if press else "unknown"
        with contextlib.suppress(LedgerClosed):
            case = press.case or None if press else None
            self._desk.refused(Who(user.id, user.full_name), action, why, case)
        lane = self._few if self._turns.take(user.id) else self._one
        self._beside(self._answer(lane, query, said, alert=alert))

    async def _answer(self, lane: asyncio.Semaphore, query: CallbackQuery, said: str, *, alert: bool) -> None:
        try:
            async with asyncio.timeout(WAITED):
                await lane.acquire()
        except TimeoutError:
            return
        try:
            await answer(query, said, alert=alert)
        finally:
            lane.release()


async def answer(query: CallbackQuery, text: str | None, *, alert: bool = False) -> None:
    """The tap is answered where that can still be; never raises."""
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError as error:
        # Too old, or Telegram is away: the card says the same.
        log.info("a tap could not be answered (%s)", type(error).__name__)
