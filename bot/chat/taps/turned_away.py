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

A_MINUTE = 6  # refusals that one person is told: whoever taps on is answered no more
AT_ONCE = 8  # answers on their way: of the connections to Telegram the others are for those who may decide


class TurnedAway:
    """What is refused ends here; `tell` returns at once."""

    def __init__(self, desk: Desk, clock: Clock, beside: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._desk = desk
        self._beside = beside
        self._turns = Turns(clock, A_MINUTE)
        self._few = asyncio.Semaphore(AT_ONCE)

    def tell(
        self, query: CallbackQuery, press: Press | None, why: str, said: str, *, alert: bool = False
    ) -> None:
        """The audit line (repetitions are one), and the answer to a person who has had few of them lately."""
        user = query.from_user
        action = press.action.name.lower() if press else "unknown"
        with contextlib.suppress(LedgerClosed):
            case = press.case or None if press else None
            self._desk.refused(Who(user.id, user.full_name), action, why, case)
        if self._turns.take(user.id):
            self._beside(self._answer(query, said, alert=alert))

    async def _answer(self, query: CallbackQuery, said: str, *, alert: bool) -> None:
        async with self._few:
            await answer(query, said, alert=alert)


async def answer(query: CallbackQuery, text: str | None, *, alert: bool = False) -> None:
    """The tap is answered where that can still be; never raises."""
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError as error:
        # Too old, or Telegram is away: the card says the same.
        log.info("a tap could not be answered (%s)", type(error).__name__)
