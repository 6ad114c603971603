"""/status with its picture: the words always, the picture behind them where there is room for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.domain.events import CaseOpened
from bot.flow import lately
from bot.simulator.server import Throttle
from bot.simulator.telegram.api import BotApi, Message
from tests.chat.room import ANA, BETO, Room, opened, until
from tests.chat.test_commands import answer
from tests.chat.test_noc_chat import method
from tests.fakes import incident

PNG = b"\x89PNG\r\n\x1a\n..."


@dataclass
class Drawn:
    """Pictures that are there once the `gate` is open; `none`: there are none."""

    none: bool = False
    svgs: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def drawn(self, svg: str) -> bytes | None:
        self.svgs.append(svg)
        await self.gate.wait()
        return None if self.none else PNG


@pytest.fixture
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture
async def room(api: BotApi, drawn: Drawn) -> AsyncIterator[Room]:
    async with opened(api, pictures=drawn) as room:
        yield room


async def photo(api: BotApi, n: int = 1) -> Message:
    await api.wait(lambda api: len(api.photos) >= n)
    return api.photos[-1]


async def test_the_words_come_first_and_the_picture_behind_them(
    api: BotApi, room: Room, drawn: Drawn
) -> None:
    await room.outage(1, affected=33)
    await room.card()
    drawn.gate.clear()
    text = await answer(api, BETO, "/status")
    assert "Últimas 24 h: 1 queda · 1 em aberto (33 sem sinal) · 0 clientes avisados" in text
    assert api.photos == []
    drawn.gate.set()
    picture = await photo(api)
    assert (picture.document, picture.filename, picture.chat) == (PNG, "situacao.png", api.group)
    assert picture.text.startswith("📊 Últimas 24 h")
    assert picture.silent
    asked = [message for message in api.history[api.group] if message.sender is not None]
    assert picture.reply_to == asked[-1].id
    assert "1 queda nas últimas 24 h" in drawn.svgs[0]


async def test_nobody_gets_the_same_picture_twice_in_a_minute(api: BotApi, room: Room) -> None:
    await answer(api, BETO, "/status")
    await photo(api)
    await answer(api, ANA, "/status")
    await answer(api, ANA, "/status", ANA)
    await photo(api, 2)
    room.clock.skip(61)
    await answer(api, BETO, "/status")
    await photo(api, 3)
    assert [picture.chat for picture in api.photos] == [api.group, ANA, api.group]


@pytest.mark.parametrize("how", ["none", "refused", "paced"])
async def test_without_a_picture_the_words_stand_alone(
    api: BotApi, room: Room, drawn: Drawn, how: str
) -> None:
    drawn.none = how == "none"
    if how == "refused":
        api.without_photos = {api.group}
    if how == "paced":
        api.faults.inject(Throttle(1), match=method("sendPhoto"))
    assert "Últimas 24 h" in await answer(api, BETO, "/status")
    await until(lambda: drawn.svgs and not room.telegram._work)
    assert api.photos == []
    assert room.telegram.chat.standing.mute is None, "it says nothing of texts"


async def test_a_storm_is_counted_while_others_have_their_turn(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lately, "_AT_ONCE", 1)
    for number in range(1, 4):
        await room.line(CaseOpened(number, incident(number)))
    turns, counting = 0, asyncio.create_task(room.telegram.chat.lately.day())
    while not counting.done():
        turns += 1
        await asyncio.sleep(0)
    assert (counting.result().open, turns > 1) == (3, True)


async def test_a_group_that_is_busy_gets_words_alone(api: BotApi, drawn: Drawn) -> None:
    async with opened(api, pictures=drawn, limit=18) as room:

        def half_is_used() -> None:
            for _ in range(9):
                room.telegram._home.deps.budget.spend()

        half_is_used()
        await answer(api, BETO, "/status")
        await until(lambda: not room.telegram._work)
        assert drawn.svgs == []
        room.clock.skip(61)
        drawn.gate.clear()
        await answer(api, BETO, "/status")
        await until(lambda: drawn.svgs)
        half_is_used()
        drawn.gate.set()  # it was quiet when the picture was begun
        await until(lambda: not room.telegram._work)
    assert api.photos == []
