"""Whoever taps on is told each time; everybody else is told first."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from telegram import CallbackQuery, User

from bot.chat.taps import turned_away
from bot.chat.taps.desk import Desk
from bot.chat.taps.turned_away import A_MINUTE, AT_ONCE, TurnedAway
from bot.domain.who import Who
from bot.process.tasks import Tasks
from tests.fakes import FakeClock, settled


class NoDesk:
    def refused(self, who: Who, action: str, why: str, case: int | None = None) -> None:
        """Not written here."""


@dataclass
class Telegram:
    """Answers when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[int] = field(default_factory=list)


@dataclass
class Query:
    telegram: Telegram
    from_user: User

    async def answer(self, text: str | None, *, show_alert: bool) -> None:
        self.telegram.asked.append(self.from_user.id)
        await self.telegram.let.wait()


def tapping(telegram: Telegram, tasks: Tasks) -> Any:
    away = TurnedAway(cast(Desk, NoDesk()), FakeClock(), tasks.spawn)

    def tap(user: int) -> None:
        query = Query(telegram, User(user, f"P{user}", is_bot=False))
        away.tell(cast(CallbackQuery, query), None, "not_allowed", "no")

    return tap


async def test_who_taps_on_is_told_each_time_and_keeps_nobody_waiting() -> None:
    telegram, tasks = Telegram(), Tasks()
    tap = tapping(telegram, tasks)
    for _ in range(A_MINUTE + 20):
        tap(1)
    tap(2)
    await settled()
    assert telegram.asked == [1] * A_MINUTE + [1, 2] or telegram.asked == [1] * A_MINUTE + [2, 1]
    telegram.let.set()
    await tasks.drain(5)
    assert telegram.asked.count(1) == A_MINUTE + 20


async def test_a_tap_that_is_too_old_to_be_answered_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turned_away, "WAITED", 0.0)
    telegram, tasks = Telegram(), Tasks()
    tap = tapping(telegram, tasks)
    for user in range(AT_ONCE + 30):
        tap(user)
    await settled()
    telegram.let.set()
    assert await tasks.drain(5) == 0
    assert len(telegram.asked) <= AT_ONCE
